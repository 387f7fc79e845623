/* SPDX-License-Identifier: MIT */
/*
 * tls.c - clients of a line whose TLS ends at the proxy.
 *
 *      --mode full|resumed     connect, shake hands, one byte there and back, close; --inflight at a time
 *      --mode up|down          one stream into a sink, or from a source
 *
 *  (1) A connection counts when its byte has come back. In `resumed` one that was not resumed is a failure.
 *  (2) Bytes are counted as plaintext at this end, in a window that starts when the queues on the way are full.
 *  (3) Certificates are not checked: this end is to cost little. It speaks what the proxy prefers.
 */
#include "lib.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>

#define SLOTS_MAX 256
#define BLOCK (128 * 1024)

struct slot {
	int fd;
	SSL *ssl;
	bool sent;
	int64_t started;
};

static struct slot slots[SLOTS_MAX];
static struct samples times;
static uint64_t finished, failed;
static unsigned turn;
static bool resume;
static SSL_SESSION *session;            /* the latest; of all connections */
static char block[BLOCK];

static int
on_session(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(session);
	session = s;
	return 1;
}

static SSL_CTX *
client(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		die("OpenSSL: no memory");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ctx;
}

/* ---- handshakes ---- */

static void
begin(int ep, struct slot *s, const struct sockaddr_in *to, SSL_CTX *ctx)
{
	*s = (struct slot){ .started = now_ns(), .fd = dial(to, 1 + turn++ % 32, true), .ssl = SSL_new(ctx) };
	if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1)
		die("OpenSSL: no memory");
	SSL_set_connect_state(s->ssl);
	if (resume && session != NULL)
		SSL_set_session(s->ssl, session);
	poll_add(ep, s->fd, EPOLLIN | EPOLLOUT | EPOLLET, s);
}

static bool
again(const struct slot *s, int r)
{
	int e = SSL_get_error(s->ssl, r);

	ERR_clear_error();
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

/* false: this connection is over, well or not. */
static bool
advance(struct slot *s, uint32_t events, bool warm)
{
	char byte = 'x';
	int r;

	if (!s->sent) {
		if (!(events & (EPOLLIN | EPOLLOUT)))
			return true;
		if ((r = SSL_do_handshake(s->ssl)) != 1) {
			failed += !again(s, r);
			return again(s, r);
		}
		if (resume && !warm && !SSL_session_reused(s->ssl))
			failed++;
		if (SSL_write(s->ssl, &byte, 1) != 1)
			return false;
		s->sent = true;
	}
	if ((r = SSL_read(s->ssl, &byte, 1)) == 1) {
		finished++;
		sample_add(&times, now_ns() - s->started);
		return false;
	}
	failed += !again(s, r);
	return again(s, r);
}

static void
shake_until(int ep, int64_t until, const struct sockaddr_in *to, SSL_CTX *ctx, bool warm)
{
	struct epoll_event ev[64];

	while (now_ns() < until) {
		int n = poll_until(ep, ev, 64, until);

		for (int i = 0; i < n; i++) {
			struct slot *s = ev[i].data.ptr;

			if (advance(s, ev[i].events, warm))
				continue;
			SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
			SSL_free(s->ssl);
			close(s->fd);
			begin(ep, s, to, ctx);
		}
	}
}

static void
handshakes(int argc, char **argv, const struct sockaddr_in *to, SSL_CTX *ctx)
{
	const char *pids = opt_text(argc, argv, "--pids", NULL);
	int inflight = (int)opt_num(argc, argv, "--inflight", 32), ep = poll_new();
	int64_t t0;
	struct usage used;

	if (inflight < 1 || inflight > SLOTS_MAX)
		die("--inflight must be 1 to %d", SLOTS_MAX);
	for (int i = 0; i < inflight; i++)
		begin(ep, &slots[i], to, ctx);
	shake_until(ep, now_ns() + (int64_t)(opt_num(argc, argv, "--warm", 0.3) * 1e9), to, ctx, true);
	finished = failed = times.n = 0;
	used = usage_read(pids);
	t0 = now_ns();
	shake_until(ep, t0 + (int64_t)(opt_num(argc, argv, "--seconds", 1) * 1e9), to, ctx, false);
	t0 = now_ns() - t0;
	used = usage_since(&used, pids);
	printf("{\"conns\":%llu,\"failed\":%llu,\"p50_us\":%.2f,\"p99_us\":%.2f,", (unsigned long long)finished,
	    (unsigned long long)failed, sample_us(&times, 0.5), sample_us(&times, 0.99));
	usage_print(&used, (double)t0 / 1e9);
	printf("}\n");
}

/* ---- streams ---- */

static uint64_t
stream_until(SSL *ssl, int64_t until, bool up)
{
	uint64_t sum = 0;

	while (now_ns() < until) {
		int r = up ? SSL_write(ssl, block, sizeof(block)) : SSL_read(ssl, block, sizeof(block));

		if (r <= 0)
			die("the stream broke: %s", ERR_reason_error_string(ERR_peek_error()));
		sum += (uint64_t)r;
	}
	return sum;
}

static void
stream(int argc, char **argv, const struct sockaddr_in *to, SSL_CTX *ctx, bool up)
{
	const char *pids = opt_text(argc, argv, "--pids", NULL);
	int64_t window = (int64_t)(opt_num(argc, argv, "--seconds", 1) * 1e9), start;
	SSL *ssl = SSL_new(ctx);
	struct usage used;
	uint64_t bytes;

	SSL_set_read_ahead(ssl, 1);
	SSL_set_fd(ssl, dial(to, 0, false));
	if (SSL_connect(ssl) != 1)
		die("handshake: %s", ERR_reason_error_string(ERR_peek_error()));
	if (!up && SSL_write(ssl, "x", 1) != 1)         /* a source waits for a byte */
		die("the stream broke at once");
	stream_until(ssl, now_ns() + (int64_t)(opt_num(argc, argv, "--warm", 0.3) * 1e9), up);
	used = usage_read(pids);
	start = now_ns();
	bytes = stream_until(ssl, start + window, up);
	window = now_ns() - start;
	used = usage_since(&used, pids);
	printf("{\"bytes\":%llu,\"cipher\":\"%s\",", (unsigned long long)bytes, SSL_get_cipher(ssl));
	usage_print(&used, (double)window / 1e9);
	printf("}\n");
	SSL_free(ssl);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = addr_of(opt_text(argc, argv, "--to", ""));
	const char *mode = opt_text(argc, argv, "--mode", "full");
	SSL_CTX *ctx = client();

	place(opt_num(argc, argv, "--cpu", -1));
	signal(SIGPIPE, SIG_IGN);
	resume = strcmp(mode, "resumed") == 0;
	if (resume || strcmp(mode, "full") == 0)
		handshakes(argc, argv, &to, ctx);
	else if (strcmp(mode, "up") == 0 || strcmp(mode, "down") == 0)
		stream(argc, argv, &to, ctx, mode[0] == 'u');
	else
		die("--mode must be full, resumed, up or down");
	SSL_CTX_free(ctx);
	return 0;
}
