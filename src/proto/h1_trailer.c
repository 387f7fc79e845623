/* SPDX-License-Identifier: MIT */
/* h1_trailer.c - the names that h1_trailer.h speaks of, with their hashes (a test works them out anew). */
#include "proto/h1_trailer.h"

#define FORBIDDEN(ROW)					\
	ROW("connection",            0x38b99ed9)	\
	ROW("keep-alive",            0xe18edb80)	\
	ROW("proxy-connection",      0x32c09da6)	\
	ROW("te",                    0x3c453eb2)	\
	ROW("trailer",               0x816fede0)	\
	ROW("transfer-encoding",     0xddb4744c)	\
	ROW("upgrade",               0xdc97cc77)	\
	ROW("http2-settings",        0xba46b895)	\
	ROW("content-length",        0x4df9451d)	\
	ROW("content-encoding",      0x03e2ed88)	\
	ROW("content-type",          0xfcf70995)	\
	ROW("content-range",         0xd3ecfa4a)	\
	ROW("content_length",        0xdcfa3047)	\
	ROW("transfer_encoding",     0x0adcb7ea)	\
	ROW("host",                  0xaffea56f)	\
	ROW("expect",                0x96da6b58)	\
	ROW("max-forwards",          0x6cd905d6)	\
	ROW("range",                 0xfadc0cd2)	\
	ROW("cache-control",         0x50c8a4cd)	\
	ROW("pragma",                0x19fa4625)	\
	ROW("if-match",              0xd67076ea)	\
	ROW("if-none-match",         0x972b6177)	\
	ROW("if-modified-since",     0x83e879a9)	\
	ROW("if-unmodified-since",   0xe230478a)	\
	ROW("if-range",              0x8b887e3e)	\
	ROW("authorization",         0x913657be)	\
	ROW("proxy-authorization",   0xa01f18bb)	\
	ROW("proxy-authenticate",    0xa17edaef)	\
	ROW("www-authenticate",      0x2e7bcf02)	\
	ROW("cookie",                0x77a740bf)	\
	ROW("set-cookie",            0x6e2be738)	\
	ROW("age",                   0x2c41499c)	\
	ROW("expires",               0x3e8ec783)	\
	ROW("date",                  0xd472dc59)	\
	ROW("location",              0x0bf5a9a6)	\
	ROW("retry-after",           0xc6da1376)	\
	ROW("vary",                  0x40abde45)	\
	ROW("warning",               0x792112ef)	\
	ROW("forwarded",             0x588604ab)	\
	ROW("x-forwarded-for",       0xadb2f988)	\
	ROW("x-forwarded-host",      0x28867067)	\
	ROW("x-forwarded-proto",     0x2eb2af39)	\
	ROW("x-real-ip",             0xe37b3c60)	\
	ROW("via",                   0x69122c13)	\
	ROW("traceparent",           0x6c0b151e)	\
	ROW("tracestate",            0x808e2e33)	\
	ROW("x-faultline",           0xa9500c50)

static const char *const names[] = {
#define TRAILER_ROW(name, hash) name,
	FORBIDDEN(TRAILER_ROW)
#undef TRAILER_ROW
};

bool
h1_trailer_forbidden(uint32_t hash)
{
	switch (hash) {
#define TRAILER_ROW(name, hash) case hash:
	FORBIDDEN(TRAILER_ROW)
#undef TRAILER_ROW
		return true;
	default:
		return false;
	}
}

const char *
h1_trailer_name(unsigned i)
{
	return i < FL_ARRAY_LEN(names) ? names[i] : NULL;
}
