/* SPDX-License-Identifier: MIT */
/* http_swarm.c - see http_swarm.h. */
#include "http_swarm.h"
#include "swarm.h"
#include <stdio.h>

const char *
web_sin_text(enum web_sin sin)
{
	static const char *const texts[] = {
#define WEB_SIN_ROW(id, text) text,
		WEB_SINS(WEB_SIN_ROW)
#undef WEB_SIN_ROW
	};

	return texts[sin];
}

/* A share up to most, or none at all. */
static unsigned
share(struct rnd *r, unsigned most)
{
	return rnd_chance(r, 500) ? 0 : (unsigned)rnd_log(r, 1, most);
}

static void
draw_network(struct rnd *r, struct http_swarm *s)
{
	struct net_trouble *t = &s->trouble;

	t->snd_bytes_min = 512;
	t->snd_bytes_max = (uint32_t)rnd_log(r, 1024, 256 * 1024);
	t->rcv_bytes_min = 512;
	t->rcv_bytes_max = (uint32_t)rnd_log(r, 1024, 256 * 1024);
	if (rnd_chance(r, 100))
		return;
	t->delay_ns_max = rnd_chance(r, 200) ? 0 : rnd_log(r, 1000, 100 * FL_MS);
	t->segment_bytes_max = rnd_chance(r, 500) ? 0 : (uint32_t)rnd_log(r, 1, 4000);
	t->rst = rnd_chance(r, 600) ? 0 : (unsigned)rnd_log(r, 1, 60);
	t->rst_other = share(r, 500);
	t->rst_overtakes = share(r, 1000);
	t->rst_purges = share(r, 1000);
	t->rst_unnoticed = share(r, 500);
	t->rst_error_once = share(r, 1000);
	t->connect_fails_now = rnd_chance(r, 700) ? 0 : share(r, 200);
	t->connect_refused = rnd_chance(r, 600) ? 0 : share(r, 300);
	t->connect_silent = rnd_chance(r, 700) ? 0 : share(r, 200);
	t->syn_lost = share(r, 200);
	t->names_busy = share(r, 500);
	t->names_fail = share(r, 500);
	t->names_late = share(r, 1000);
	t->names_late_ns_max = rnd_log(r, 1000, 5 * FL_SEC);
	t->short_recv = share(r, 900);
	t->short_push = share(r, 900);
	t->zero_push = share(r, 500);
	t->late = share(r, 300);
	t->late_ns_max = rnd_log(r, 1000, 50 * FL_MS);
	t->extra_recv = share(r, 1000);
	t->accept_fails = rnd_chance(r, 800) ? 0 : share(r, 200);
	t->attach_fails = rnd_chance(r, 800) ? 0 : share(r, 100);
	t->early_end = share(r, 300);
}

static void
draw_clients(struct rnd *r, struct http_swarm *s)
{
	s->conns = (unsigned)rnd_log(r, 3, 60);
	s->crowded = rnd_chance(r, 500);
	s->requests_max = (unsigned)rnd_log(r, 2, 14);
	s->depth_max = (unsigned)rnd_log(r, 1, 5);
	s->body_bytes_max = (uint64_t)rnd_log(r, 1, 200000);
	s->chunk_bytes_max = (uint32_t)rnd_log(r, 1, 64 * 1024);
	s->read_bytes_max = (uint32_t)rnd_log(r, 1, 64 * 1024);
	/* Tiny pieces of large bodies would only take time. */
	s->chunk_bytes_max = FL_MAX(s->chunk_bytes_max, (uint32_t)(s->body_bytes_max / 200));
	s->think_ns_max = rnd_chance(r, 400) ? 0 : rnd_log(r, 1000, FL_SEC);
	s->gap_ns_max = rnd_chance(r, 500) ? 0 : rnd_log(r, 1000, 50 * FL_MS);
	s->read_gap_ns_max = rnd_chance(r, 600) ? 0 : rnd_log(r, 1000, 50 * FL_MS);
	s->vanish = share(r, 300);
	s->stall = share(r, 200);
	s->half_close = share(r, 300);
	s->old_version = share(r, 300);
	s->pipeline = share(r, 800);
	for (unsigned i = 0; i < FL_ARRAY_LEN(s->method_weight); i++)
		s->method_weight[i] = rnd_chance(r, 400) ? 0 : (unsigned)rnd_log(r, 1, 20);
	s->method_weight[0]++;
	s->expects = share(r, 300);
	s->keyed = share(r, 300);
	s->deadlines = share(r, 300);
	s->chunked = share(r, 1000);
	s->no_retry = share(r, 200);
}

static void
draw_servers(struct rnd *r, struct http_swarm *s)
{
	s->servers = (unsigned)rnd_range(r, 1, HTTP_SWARM_SERVERS_MAX);
	for (unsigned i = 0; i < WEB_SIN_COUNT; i++)
		s->sins |= rnd_chance(r, 300) ? UINT32_C(1) << i : 0;
	s->sinful = (unsigned)rnd_range(r, 20, 1000);
	s->sick = rnd_chance(r, 150) ? 0 : (unsigned)rnd_range(r, 50, 1000);
	s->down = share(r, 300);
	s->answer_bytes_max = (uint64_t)rnd_log(r, 1, 300000);
	s->read_bytes_max = FL_MAX(s->read_bytes_max, (uint32_t)(s->answer_bytes_max / 200));
	if (s->trouble.segment_bytes_max > 0)
		s->trouble.segment_bytes_max = FL_MAX(s->trouble.segment_bytes_max,
		    (uint32_t)(FL_MAX(s->answer_bytes_max, s->body_bytes_max) / 200));
	s->serve_ns_max = rnd_chance(r, 300) ? 0 : rnd_log(r, 1000, 100 * FL_MS);
	s->slow_ns_max = rnd_log(r, FL_MS, 5 * FL_SEC);
	s->leaves_idle = share(r, 300);
}

static void
draw_line_options(struct rnd *r, struct http_swarm *s)
{
	s->lines = (unsigned)rnd_range(r, 1, HTTP_SWARM_LINES_MAX);
	s->workers = (unsigned)rnd_range(r, 1, 4);
	s->policy = (unsigned)rnd_range(r, 300, 1000);
	s->routes_max = (unsigned)rnd_range(r, 0, 3);
	s->named = share(r, 400);
	s->health = rnd_chance(r, 500) ? 0 : 700;
	s->outlier = rnd_chance(r, 500) ? 0 : 700;
	s->hedged = rnd_chance(r, 400);
	s->breaker = rnd_chance(r, 500);
	s->bulkhead = rnd_chance(r, 500);
	s->limiter = rnd_chance(r, 300);
	s->adaptive = rnd_chance(r, 300);
	s->shed = rnd_chance(r, 300);
	s->fallback = rnd_chance(r, 400);
	s->retry = rnd_chance(r, 800);
	s->observe = rnd_chance(r, 200);
	s->scarce = rnd_chance(r, 150);
	s->conns_max = s->scarce && rnd_chance(r, 500) ? (uint32_t)rnd_log(r, 1, 30) : 1000;
	s->buffer_bytes = (size_t)(s->scarce ? rnd_log(r, 4 << 20, 16 << 20) : 256 << 20);
	s->lag = share(r, 300);
	s->lag_ns_max = rnd_log(r, 1000, 20 * FL_MS);
	s->cpu_ns_max = rnd_chance(r, 500) ? 0 : rnd_log(r, 100, 100 * FL_US);
}

void
http_swarm_draw(struct http_swarm *s, uint64_t seed, uint32_t ops)
{
	struct rnd r = rnd_init(seed, 0x477);

	*s = (struct http_swarm){ .seed = seed };
	s->traffic_seed = rnd_u64(&r);
	s->net_seed = rnd_u64(&r);
	s->ops_seed = rnd_u64(&r);
	s->behaviour_seed = rnd_u64(&r);
	s->conf_seed = rnd_u64(&r);
	draw_network(&r, s);
	draw_clients(&r, s);
	draw_servers(&r, s);
	draw_line_options(&r, s);
	s->ops = ops != SWARM_OPS_AUTO ? ops : rnd_chance(&r, 300) ? 0 : (unsigned)rnd_log(&r, 1, 40);
	for (unsigned i = 0; i < WEB_OP_COUNT; i++)
		s->op_weight[i] = rnd_chance(&r, 300) ? 0 : (unsigned)rnd_log(&r, 1, 30);
	s->op_weight[WEB_OP_RECORDS]++;
	s->op_weight[WEB_OP_CUT] /= 3;
	s->op_weight[WEB_OP_REOPEN] /= 3;
	s->stop_at_once = 100;
	s->trouble_ns = rnd_log(&r, 3, 200) * 100 * FL_MS + rnd_range(&r, 0, 100 * FL_MS);
}

struct net_trouble
http_swarm_calm(const struct http_swarm *s)
{
	return (struct net_trouble){ .snd_bytes_min = s->trouble.snd_bytes_min, .snd_bytes_max = s->trouble.snd_bytes_max,
		.rcv_bytes_min = s->trouble.rcv_bytes_min, .rcv_bytes_max = s->trouble.rcv_bytes_max };
}

void
http_swarm_print(const struct http_swarm *s)
{
	const struct net_trouble *t = &s->trouble;

	fprintf(stderr, "seed %llu: %u lines, %u servers, %u workers, %u connections of up to %u requests, %u at once, bodies up to %llu, "
	    "answers up to %llu, %u operations, %.3f s of trouble%s\n", (unsigned long long)s->seed, s->lines, s->servers, s->workers,
	    s->conns, s->requests_max, s->depth_max, (unsigned long long)s->body_bytes_max, (unsigned long long)s->answer_bytes_max, s->ops,
	    (double)s->trouble_ns / 1e9, s->scarce ? ", scarce" : "");
	fprintf(stderr, "  buffers %u-%u/%u-%u, delay %.3f ms, segments %u, rst %u (other %u overtakes %u purges %u unnoticed %u once %u)\n",
	    t->snd_bytes_min, t->snd_bytes_max, t->rcv_bytes_min, t->rcv_bytes_max, (double)t->delay_ns_max / 1e6, t->segment_bytes_max,
	    t->rst, t->rst_other, t->rst_overtakes, t->rst_purges, t->rst_unnoticed, t->rst_error_once);
	fprintf(stderr, "  connect: fails %u refused %u silent %u lost %u; short recv %u push %u zero %u; late %u by %.3f ms; extra recv %u; "
	    "accept fails %u attach %u; early end %u\n", t->connect_fails_now, t->connect_refused, t->connect_silent, t->syn_lost,
	    t->short_recv, t->short_push, t->zero_push, t->late, (double)t->late_ns_max / 1e6, t->extra_recv, t->accept_fails,
	    t->attach_fails, t->early_end);
	fprintf(stderr, "  clients: vanish %u stall %u half-close %u old %u pipeline %u; servers: sick %u, then sinful %u, down %u\n", s->vanish,
	    s->stall, s->half_close, s->old_version, s->pipeline, s->sick, s->sinful, s->down);
	for (unsigned i = 0; i < WEB_SIN_COUNT; i++)
		if (s->sins & UINT32_C(1) << i)
			fprintf(stderr, "  a sick server %s\n", web_sin_text((enum web_sin)i));
}
