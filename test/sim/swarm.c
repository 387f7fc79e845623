/* SPDX-License-Identifier: MIT */
/* swarm.c - see swarm.h. */
#include "swarm.h"
#include "fault/kind.h"
#include <stdio.h>

/* A share that is zero more often than not. */
static unsigned
share(struct rnd *dice, unsigned max)
{
	return rnd_chance(dice, 550) ? 0 : (unsigned)rnd_log(dice, 1, max);
}

static void
draw_network(struct rnd *dice, struct net_trouble *t)
{
	t->delay_ns_max = rnd_chance(dice, 200) ? 0 : rnd_log(dice, 1000, 200 * FL_MS);
	t->segment_bytes_max = rnd_chance(dice, 500) ? 0 : (uint32_t)rnd_log(dice, 1, 65536);
	t->rst = share(dice, 20);
	t->rst_other = rnd_chance(dice, 500) ? 500 : 0;
	t->rst_overtakes = share(dice, 1000);
	t->rst_purges = share(dice, 1000);
	t->rst_unnoticed = share(dice, 1000);
	t->rst_error_once = rnd_chance(dice, 500) ? 700 : 0;
	t->connect_fails_now = share(dice, 300);
	t->connect_refused = share(dice, 300);
	t->connect_silent = share(dice, 300);
	t->syn_lost = share(dice, 300);
	t->names_busy = share(dice, 300);
	t->names_fail = share(dice, 900);
	t->names_late = share(dice, 1000);
	t->names_late_ns_max = rnd_log(dice, 1000, 30 * FL_SEC);
	t->short_recv = share(dice, 900);
	t->short_push = share(dice, 900);
	t->zero_push = share(dice, 900);
	t->late = share(dice, 900);
	t->late_ns_max = rnd_log(dice, 1000, 50 * FL_MS);
	t->extra_recv = share(dice, 1000);
	t->accept_fails = share(dice, 300);
	t->attach_fails = share(dice, 200);
	t->early_end = share(dice, 300);
}

/* Sizes fit together: tiny buffers with little traffic, large ones with more. */
static void
draw_sizes(struct rnd *dice, struct swarm *s)
{
	static const struct { uint32_t buffer_min, buffer_max, bytes_max; } sizes[] = {
		{ 1, 200, 3000 }, { 64, 8192, 60000 }, { 4096, 300000, 700000 },
	};
	unsigned i = (unsigned)rnd_below(dice, FL_ARRAY_LEN(sizes));

	s->trouble.snd_bytes_min = s->trouble.rcv_bytes_min = sizes[i].buffer_min;
	s->trouble.snd_bytes_max = (uint32_t)rnd_log(dice, sizes[i].buffer_min, sizes[i].buffer_max);
	s->trouble.rcv_bytes_max = (uint32_t)rnd_log(dice, sizes[i].buffer_min, sizes[i].buffer_max);
	s->bytes_max = (uint64_t)rnd_log(dice, sizes[i].bytes_max / 100, sizes[i].bytes_max);
	s->chunk_bytes_max = (uint32_t)rnd_log(dice, 1 + (int64_t)s->bytes_max / 64, 65536);
	s->read_bytes_max = (uint32_t)rnd_log(dice, 1 + (int64_t)s->bytes_max / 64, 65536);
	if (s->trouble.segment_bytes_max)
		s->trouble.segment_bytes_max += (uint32_t)(s->bytes_max / 64);
	s->conns = (unsigned)rnd_range(dice, 1, i == 2 ? 10 : 40);
}

static void
draw_traffic(struct rnd *dice, struct swarm *s)
{
	s->gap_ns_max = rnd_chance(dice, 300) ? 0 : rnd_log(dice, 1000, 100 * FL_MS);
	s->read_gap_ns_max = rnd_chance(dice, 500) ? 0 : rnd_log(dice, 1000, 100 * FL_MS);
	s->stall = share(dice, 300);
	s->reply = share(dice, 900);
	s->reset = share(dice, 300);
	for (unsigned i = 0; i < PEER_ENDINGS; i++)
		s->ending_weight[i] = rnd_chance(dice, 500) ? 0 : (unsigned)rnd_log(dice, 1, 100);
	s->ending_weight[PEER_FIN_WHEN_SENT] += 1;
	s->server_down = share(dice, 200);
	s->client_ips = (unsigned)rnd_range(dice, 1, 5);
}

static void
draw_proxy(struct rnd *dice, struct swarm *s)
{
	s->lines = (unsigned)rnd_range(dice, 1, SWARM_LINES_MAX);
	s->workers = (unsigned)rnd_range(dice, 1, 4);
	s->lag = share(dice, 300);
	s->lag_ns_max = rnd_log(dice, 1000, 20 * FL_MS);
	s->cpu_ns_max = rnd_chance(dice, 500) ? 0 : rnd_log(dice, 100, 100 * FL_US);
	s->conns_max = rnd_chance(dice, 800) ? 1000 : (uint32_t)rnd_log(dice, 1, 30);
	s->line_conns_max = rnd_chance(dice, 800) ? 0 : (uint32_t)rnd_log(dice, 1, 20);
	s->events_max = rnd_chance(dice, 200) ? 0 : (uint32_t)rnd_log(dice, 64, 65536);
	s->pipe_bytes = (uint32_t)rnd_log(dice, 4096, 1 << 20);
	s->buffer_bytes = (size_t)(rnd_chance(dice, 800) ? 64 << 20 : rnd_log(dice, 512 * 1024, 16 << 20));
	s->half_close = rnd_chance(dice, 600) ? 1000 : 500;
	s->key_client = rnd_chance(dice, 500) ? 0 : 500;
	s->unix_lines = share(dice, 500);
	s->v6_lines = share(dice, 500);
	s->named_upstream = rnd_chance(dice, 500) ? 0 : 400;
	s->dead_upstream = share(dice, 200);
	s->connect_timeout = rnd_log(dice, 10 * FL_MS, 20 * FL_SEC);
}

static void
draw_control(struct rnd *dice, struct swarm *s, uint32_t ops)
{
	s->ops = ops != SWARM_OPS_AUTO ? ops : rnd_chance(dice, 300) ? 0 : (unsigned)rnd_log(dice, 1, 80);
	for (unsigned i = 0; i < OP_COUNT; i++)
		s->op_weight[i] = rnd_chance(dice, 300) ? 0 : (unsigned)rnd_log(dice, 1, 30);
	s->op_weight[OP_COUNTERS] += 1;
	s->op_weight[OP_CUT] = s->op_weight[OP_CUT] / 3;
	s->op_weight[OP_CLOSE_LINE] = s->op_weight[OP_CLOSE_LINE] / 2;
	for (unsigned i = 0; i < FAULT_TCP_COUNT; i++)
		s->fault_kinds |= rnd_chance(dice, 400) ? UINT32_C(1) << i : 0;
	if (s->fault_kinds == 0)
		s->fault_kinds = UINT32_C(1) << rnd_below(dice, FAULT_TCP_COUNT);
	s->fault_scoped = share(dice, 600);
	s->fault_leased = share(dice, 600);
	s->fault_partial = share(dice, 900);
	s->fault_timed = 400;
	s->stop_at_once = 100;
	s->faults_at_start = rnd_chance(dice, 600) ? 0 : (unsigned)rnd_range(dice, 1, 4);
}

void
swarm_draw(struct swarm *s, uint64_t seed, uint32_t ops)
{
	struct rnd r = rnd_init(seed, 0x5a);

	*s = (struct swarm){ .seed = seed };
	s->traffic_seed = rnd_u64(&r);
	s->net_seed = rnd_u64(&r);
	s->ops_seed = rnd_u64(&r);
	if (rnd_chance(&r, 880))
		draw_network(&r, &s->trouble);
	draw_sizes(&r, s);
	draw_traffic(&r, s);
	draw_proxy(&r, s);
	draw_control(&r, s, ops);
	s->trouble_ns = rnd_log(&r, 1, 300) * 100 * FL_MS + rnd_range(&r, 0, 100 * FL_MS);
	s->fault_ms_max = s->trouble_ns / FL_MS / 4;
}

struct net_trouble
swarm_calm(const struct swarm *s)
{
	return (struct net_trouble){
		.snd_bytes_min = s->trouble.snd_bytes_min, .snd_bytes_max = s->trouble.snd_bytes_max,
		.rcv_bytes_min = s->trouble.rcv_bytes_min, .rcv_bytes_max = s->trouble.rcv_bytes_max,
	};
}

void
swarm_print(const struct swarm *s)
{
	const struct net_trouble *t = &s->trouble;

	fprintf(stderr, "seed %llu: %u lines, %u workers, %u connections of up to %llu bytes, %u operations, %.3f s of trouble\n",
	    (unsigned long long)s->seed, s->lines, s->workers, s->conns, (unsigned long long)s->bytes_max, s->ops,
	    (double)s->trouble_ns / 1e9);
	fprintf(stderr, "  buffers %u-%u/%u-%u, delay %.3f ms, segments %u, rst %u (overtakes %u purges %u unnoticed %u once %u)\n",
	    t->snd_bytes_min, t->snd_bytes_max, t->rcv_bytes_min, t->rcv_bytes_max, (double)t->delay_ns_max / 1e6,
	    t->segment_bytes_max, t->rst, t->rst_overtakes, t->rst_purges, t->rst_unnoticed, t->rst_error_once);
	fprintf(stderr, "  connect: fails %u refused %u silent %u lost %u; short recv %u push %u zero %u; late %u by %.3f ms; "
	    "extra recv %u; accept fails %u attach %u; early end %u\n", t->connect_fails_now, t->connect_refused, t->connect_silent,
	    t->syn_lost, t->short_recv, t->short_push, t->zero_push, t->late, (double)t->late_ns_max / 1e6, t->extra_recv,
	    t->accept_fails, t->attach_fails, t->early_end);
	fprintf(stderr, "  conns_max %u (line %u), pipe %u, buffers %zu, events %u, fault kinds %#x, at start %u\n", s->conns_max,
	    s->line_conns_max, s->pipe_bytes, s->buffer_bytes, s->events_max, s->fault_kinds, s->faults_at_start);
}

static enum peer_ending
draw_ending(const struct swarm *s, struct rnd *r)
{
	uint64_t sum = 0, x;
	unsigned i;

	for (i = 0; i < PEER_ENDINGS; i++)
		sum += s->ending_weight[i];
	x = rnd_below(r, sum);
	for (i = 0; x >= s->ending_weight[i]; i++)
		x -= s->ending_weight[i];
	return (enum peer_ending)i;
}

struct peer_plan
swarm_plan(const struct swarm *s, struct rnd *r, bool server)
{
	struct peer_plan p = {
		.send_bytes = (uint64_t)(rnd_chance(r, 500) ? rnd_log(r, 0, (int64_t)s->bytes_max) :
		    rnd_range(r, 0, (int64_t)s->bytes_max)),
		.chunk_bytes_max = s->chunk_bytes_max,
		.read_bytes_max = s->read_bytes_max,
		.gap_ns_max = s->gap_ns_max,
		.read_gap_ns_max = s->read_gap_ns_max,
		.stall_at = UINT64_MAX,
		.reset_at = UINT64_MAX,
	};

	if (rnd_chance(r, s->stall))
		p.stall_at = (uint64_t)rnd_log(r, 0, (int64_t)s->bytes_max);
	if (server && rnd_chance(r, s->reply))
		p.reply_share = (uint32_t)rnd_log(r, 1, 160);
	if (rnd_chance(r, s->reset))
		p.reset_at = (uint64_t)rnd_log(r, 0, (int64_t)s->bytes_max);
	p.ending = draw_ending(s, r);
	return p;
}
