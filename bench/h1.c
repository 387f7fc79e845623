/* SPDX-License-Identifier: MIT */
/*
 * h1.c - how long it takes to read a head of ten fields, to write it for the next hop, to walk a chunked body.
 *
 * Prints the best of several rounds, in ns a message and MB/s.
 */
#include "proto/h1_body.h"
#include "proto/h1_scan.h"
#include "proto/h1_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOOPS 200000
#define ROUNDS 15

static const char request[] =
    "GET /api/v1/carts/8e3f1c/items?limit=20&offset=40 HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n"
    "Accept: application/json, text/plain, */*\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=5f2c0c1b7d3e4a5f9b8c7d6e5f4a3b2c; theme=dark\r\n"
    "Referer: https://shop.example.com/cart\r\n"
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    "X-Request-Id: 6ba7b810-9dad-11d1-80b4-00c04fd430c8\r\n"
    "\r\n";

static const char response[] =
    "HTTP/1.1 200 OK\r\n"
    "Server: nginx\r\n"
    "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 1024\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: no-store\r\n"
    "\r\n";

static struct h1_head head;
static const struct h1_limits no_limits;

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t
read_request(void)
{
	struct h1_scan scan = { 0 };

	if (h1_request(request, sizeof(request) - 1, &no_limits, &scan, &head) != H1_OK)
		abort();
	return head.head_bytes;
}

static size_t
read_response(void)
{
	struct h1_scan scan = { 0 };

	if (h1_response(response, sizeof(response) - 1, &no_limits, &scan, H1_GET, &head) != H1_OK)
		abort();
	return head.head_bytes;
}

static size_t
write_request(void)
{
	static const struct h1_edit trace = { H1_EDIT_SET, H1_ID_TRACEPARENT, 11, 55, "traceparent",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
	struct h1_out o = { .edits = &trace, .edit_count = 1 };
	char out[1024];
	size_t n = h1_write_request(request, &head, &o, out, sizeof(out));

	__asm__ volatile("" : : "r"(out) : "memory");
	return n;
}

static size_t
write_response(void)
{
	struct h1_out o = { 0 };
	char out[1024];
	size_t n = h1_write_response(response, &head, &o, out, sizeof(out));

	__asm__ volatile("" : : "r"(out) : "memory");
	return n;
}

#define CHUNKS 8
#define CHUNK_BYTES 1031                /* "400", 1024, two CRLF */

static char chunks[CHUNKS * CHUNK_BYTES + 5];

static void
fill_chunks(void)
{
	memset(chunks, 'x', sizeof(chunks));
	for (int i = 0; i < CHUNKS; i++) {
		memcpy(chunks + i * CHUNK_BYTES, "400\r\n", 5);
		memcpy(chunks + (i + 1) * CHUNK_BYTES - 2, "\r\n", 2);
	}
	memcpy(chunks + CHUNKS * CHUNK_BYTES, H1_CHUNK_LAST, 5);
}

static size_t
walk_chunks(void)
{
	struct h1_body b;
	size_t taken;

	h1_body_begin(&b, H1_CHUNKED, 0, 0);
	if (h1_body_feed(&b, chunks, sizeof(chunks), &taken) != H1_OK)
		abort();
	return taken;
}

static size_t
scan_plain(void)
{
	uint32_t at = 0;
	size_t n = sizeof(request) - 1;

	while ((at = h1_scan_control_plain(request, at, (uint32_t)n)) < n)
		at++;
	return n;
}

static size_t
scan_fast(void)
{
	uint32_t at = 0;
	size_t n = sizeof(request) - 1;

	while ((at = h1_scan_control(request, at, (uint32_t)n)) < n)
		at++;
	return n;
}

static void
measure(const char *what, size_t (*fn)(void))
{
	double best = 1e18;
	size_t bytes = 0;

	for (int r = 0; r < ROUNDS; r++) {
		double t0 = now_ns(), took;

		for (int i = 0; i < LOOPS; i++) {
			bytes = fn();
			__asm__ volatile("" : : "r"(bytes) : "memory");
		}
		took = (now_ns() - t0) / LOOPS;
		best = took < best ? took : best;
	}
	printf("%-34s %7.1f ns  %5zu bytes  %8.0f MB/s\n", what, best, bytes, (double)bytes / best * 1e3);
}

int
main(void)
{
	measure("read a request of 10 fields", read_request);
	read_request();
	measure("write it for the next hop", write_request);
	measure("read a response of 6 fields", read_response);
	read_response();
	measure("write it for the client", write_response);
	fill_chunks();
	measure("walk 8 chunks of 1 KB", walk_chunks);
	measure("line ends of the request", scan_fast);
	measure("the same, byte by byte", scan_plain);
	return 0;
}
