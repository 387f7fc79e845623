/* SPDX-License-Identifier: MIT */
/* h1_reason.c - names of status codes, from the registry of IANA. */
#include "proto/h1_write.h"

#define STATUSES(ROW)                                   \
	ROW(100, "Continue")                            \
	ROW(101, "Switching Protocols")                 \
	ROW(102, "Processing")                          \
	ROW(103, "Early Hints")                         \
	ROW(200, "OK")                                  \
	ROW(201, "Created")                             \
	ROW(202, "Accepted")                            \
	ROW(203, "Non-Authoritative Information")       \
	ROW(204, "No Content")                          \
	ROW(205, "Reset Content")                       \
	ROW(206, "Partial Content")                     \
	ROW(207, "Multi-Status")                        \
	ROW(208, "Already Reported")                    \
	ROW(226, "IM Used")                             \
	ROW(300, "Multiple Choices")                    \
	ROW(301, "Moved Permanently")                   \
	ROW(302, "Found")                               \
	ROW(303, "See Other")                           \
	ROW(304, "Not Modified")                        \
	ROW(305, "Use Proxy")                           \
	ROW(307, "Temporary Redirect")                  \
	ROW(308, "Permanent Redirect")                  \
	ROW(400, "Bad Request")                         \
	ROW(401, "Unauthorized")                        \
	ROW(402, "Payment Required")                    \
	ROW(403, "Forbidden")                           \
	ROW(404, "Not Found")                           \
	ROW(405, "Method Not Allowed")                  \
	ROW(406, "Not Acceptable")                      \
	ROW(407, "Proxy Authentication Required")       \
	ROW(408, "Request Timeout")                     \
	ROW(409, "Conflict")                            \
	ROW(410, "Gone")                                \
	ROW(411, "Length Required")                     \
	ROW(412, "Precondition Failed")                 \
	ROW(413, "Content Too Large")                   \
	ROW(414, "URI Too Long")                        \
	ROW(415, "Unsupported Media Type")              \
	ROW(416, "Range Not Satisfiable")               \
	ROW(417, "Expectation Failed")                  \
	ROW(421, "Misdirected Request")                 \
	ROW(422, "Unprocessable Content")               \
	ROW(423, "Locked")                              \
	ROW(424, "Failed Dependency")                   \
	ROW(425, "Too Early")                           \
	ROW(426, "Upgrade Required")                    \
	ROW(428, "Precondition Required")               \
	ROW(429, "Too Many Requests")                   \
	ROW(431, "Request Header Fields Too Large")     \
	ROW(451, "Unavailable For Legal Reasons")       \
	ROW(500, "Internal Server Error")               \
	ROW(501, "Not Implemented")                     \
	ROW(502, "Bad Gateway")                         \
	ROW(503, "Service Unavailable")                 \
	ROW(504, "Gateway Timeout")                     \
	ROW(505, "HTTP Version Not Supported")          \
	ROW(506, "Variant Also Negotiates")             \
	ROW(507, "Insufficient Storage")                \
	ROW(508, "Loop Detected")                       \
	ROW(511, "Network Authentication Required")

const char *
h1_reason(unsigned status)
{
	static const char *const classes[] = { "Unknown", "Information", "Success", "Redirection", "Client Error", "Server Error" };

	switch (status) {
#define H1_ROW(code, text) case code: return text;
	STATUSES(H1_ROW)
#undef H1_ROW
	default:
		return status / 100 < FL_ARRAY_LEN(classes) ? classes[status / 100] : classes[0];
	}
}
