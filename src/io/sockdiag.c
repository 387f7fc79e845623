/* SPDX-License-Identifier: MIT */
/* sockdiag.c - see sockdiag.h; sock_diag(7), and ctnetlink for what is tracked. Lengths that the kernel says are checked all the same. */
#include "io/sockdiag.h"
#include "base/assert.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES 65536
#define EVENT_BUFFER (4 << 20)  /* of the socket: bursts between two sweeps */

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static int
track_open(bool events)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), room = EVENT_BUFFER, group = NFNLGRP_CONNTRACK_NEW, err;

	if (fd < 0)
		return -errno;
	if (!events)
		return fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* sknlgroups of linux/sock_diag.h; those of IPv4 and IPv6 are two. */
static int
closed_open(void)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 1u << (SKNLGRP_INET_TCP_DESTROY - 1) | 1u << (SKNLGRP_INET6_TCP_DESTROY - 1) };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), room = EVENT_BUFFER;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
open_here(bool track, struct sockdiag_space *ret)
{
	struct sockdiag_space s = { .closed = -1, .tracked = -1, .born = -1 };

	s.sockets = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (s.sockets < 0)
		return -errno;
	s.route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	s.closed = closed_open();
	if (track) {
		s.tracked = track_open(false);
		s.born = track_open(true);
		s.track_error = FL_MIN(0, FL_MIN(s.tracked, s.born));
	}
	*ret = s;
	return 0;
}

int
sockdiag_open(const char *path, bool track, struct sockdiag_space *ret)
{
	int own, other, err;

	if (path == NULL)
		return open_here(track, ret);
	own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return -errno;
	other = open(path, O_RDONLY | O_CLOEXEC);
	err = other < 0 ? -errno : 0;
	/* Only this thread moves, and moves back at once. */
	if (err == 0 && setns(other, CLONE_NEWNET) != 0)
		err = -errno;
	if (err == 0) {
		err = open_here(track, ret);
		if (setns(own, CLONE_NEWNET) != 0)
			fl_assert(!"the own network namespace is gone");
	}
	if (other >= 0)
		close(other);
	close(own);
	return err;
}

void
sockdiag_close(struct sockdiag_space *s)
{
	int *const fds[] = { &s->sockets, &s->route, &s->closed, &s->tracked, &s->born };

	for (size_t i = 0; i < FL_ARRAY_LEN(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static void
end_of(int family, const void *ip, uint16_t port, struct sockdiag_end *ret)
{
	if (family == AF_INET) {
		memcpy(ret->ip, mapped, 12);
		memcpy(ret->ip + 12, ip, 4);
	} else {
		memcpy(ret->ip, ip, 16);
	}
	ret->port = port;
}

/* Sends a request for a dump and gives each answer to fn. */
typedef int message_fn(void *arg, const struct nlmsghdr *h, size_t n);

static int
each_message(const uint8_t *p, size_t left, uint32_t seq, message_fn *fn, void *arg, bool *ret_done)
{
	while (left >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		size_t step;
		int r = 0, err = 0;

		memcpy(&h, p, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > left)
			return -EBADMSG;
		if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR) {
			if (h.nlmsg_type == NLMSG_ERROR && h.nlmsg_len >= sizeof(h) + sizeof(err))
				memcpy(&err, p + sizeof(h), sizeof(err));
			*ret_done = true;
			return err;
		}
		if (seq == 0 || h.nlmsg_seq == seq)
			r = fn(arg, (const struct nlmsghdr *)(const void *)p, h.nlmsg_len);
		if (r != 0)
			return r;
		step = NLMSG_ALIGN(h.nlmsg_len);
		if (step > left)
			return 0;
		p += step;
		left -= step;
	}
	return 0;
}

static int
dump(int fd, const void *request, size_t n, uint32_t seq, message_fn *fn, void *arg)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	_Alignas(8) uint8_t buffer[BUFFER_BYTES];
	bool done = false;
	int r = 0;

	if (sendto(fd, request, n, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	while (!done) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
		int one;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EPIPE;
		/* To the end even when somebody wants no more: the next dump begins clean. */
		one = each_message(buffer, (size_t)got, seq, fn, arg, &done);
		if (r == 0)
			r = one;
		if (one < 0 && done)
			return one;
	}
	return r;
}

struct sweep {
	sockdiag_fn *fn;
	void *arg;
	int stopped;
};

static int
on_socket(void *arg, const struct nlmsghdr *h, size_t n)
{
	struct sweep *w = arg;
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct sockdiag_socket s;

	if (w->stopped != 0 || n < NLMSG_LENGTH(sizeof(*m)))
		return 0;
	end_of(m->idiag_family, m->id.idiag_src, ntohs(m->id.idiag_sport), &s.local);
	end_of(m->idiag_family, m->id.idiag_dst, ntohs(m->id.idiag_dport), &s.peer);
	s.inode = m->idiag_inode;
	s.uid = m->idiag_uid;
	s.state = m->idiag_state;
	w->stopped = w->fn(w->arg, &s);
	return 0;
}

int
sockdiag_sweep(int fd, bool over, sockdiag_fn *fn, void *arg)
{
	/*
	 * The older request: it gives both families at once. The kernel walks one table of the sockets of all namespaces for each dump, which is
	 * most of what a sweep costs.
	 */
	struct {
		struct nlmsghdr h;
		struct inet_diag_req r;
	} q = { .h = { .nlmsg_len = sizeof(q), .nlmsg_type = TCPDIAG_GETSOCK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = 1 } };
	struct sweep w = { .fn = fn, .arg = arg };
	int r;

	q.r.idiag_family = AF_INET;
	q.r.idiag_states = over ? ~0u : ~(1u << TCP_TIME_WAIT);
	r = dump(fd, &q, sizeof(q), 1, on_socket, &w);
	return r != 0 ? r : w.stopped;
}

/* What waits on a socket of events. */
static int
drain(int fd, message_fn *fn, void *arg, const int *stopped, uint64_t *ret_lost)
{
	_Alignas(8) uint8_t buffer[BUFFER_BYTES];
	bool done;

	while (*stopped == 0) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (got < 0 && errno == ENOBUFS) {
			++*ret_lost;
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 || errno == EAGAIN ? 0 : -errno;
		(void)each_message(buffer, (size_t)got, 0, fn, arg, &done);
	}
	return *stopped;
}

int
sockdiag_closed(int fd, sockdiag_fn *fn, void *arg, uint64_t *ret_lost)
{
	struct sweep w = { .fn = fn, .arg = arg };

	return drain(fd, on_socket, &w, &w.stopped, ret_lost);
}

/* Tracked connections */

/* The payload of the attribute of that type in [p, p + n), NULL: there is none of at least `want` bytes. */
static const uint8_t *
attribute(const uint8_t *p, size_t n, unsigned type, size_t want, size_t *ret_n)
{
	struct nlattr a;
	size_t step;

	while (p != NULL && n >= sizeof(a)) {
		memcpy(&a, p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > n)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			*ret_n = a.nla_len - sizeof(a);
			return *ret_n >= want ? p + sizeof(a) : NULL;
		}
		step = ((size_t)a.nla_len + 3) & ~(size_t)3;
		if (step >= n)
			return NULL;
		p += step;
		n -= step;
	}
	return NULL;
}

static bool
tuple(const uint8_t *p, size_t n, unsigned which, struct sockdiag_end *src, struct sockdiag_end *dst, uint8_t *ret_protocol)
{
	size_t tuple_n = 0, ip_n = 0, proto_n = 0, one;
	const uint8_t *t = attribute(p, n, which, 0, &tuple_n), *ip = attribute(t, tuple_n, CTA_TUPLE_IP, 0, &ip_n);
	const uint8_t *proto = attribute(t, tuple_n, CTA_TUPLE_PROTO, 0, &proto_n);
	const uint8_t *num = attribute(proto, proto_n, CTA_PROTO_NUM, 1, &one);
	const uint8_t *sport = attribute(proto, proto_n, CTA_PROTO_SRC_PORT, 2, &one);
	const uint8_t *dport = attribute(proto, proto_n, CTA_PROTO_DST_PORT, 2, &one);
	const uint8_t *s4 = attribute(ip, ip_n, CTA_IP_V4_SRC, 4, &one), *d4 = attribute(ip, ip_n, CTA_IP_V4_DST, 4, &one);
	const uint8_t *s6 = attribute(ip, ip_n, CTA_IP_V6_SRC, 16, &one), *d6 = attribute(ip, ip_n, CTA_IP_V6_DST, 16, &one);

	if (num == NULL || sport == NULL || dport == NULL || ((s4 == NULL || d4 == NULL) && (s6 == NULL || d6 == NULL)))
		return false;
	end_of(s4 != NULL ? AF_INET : AF_INET6, s4 != NULL ? s4 : s6, (uint16_t)(sport[0] << 8 | sport[1]), src);
	end_of(d4 != NULL ? AF_INET : AF_INET6, d4 != NULL ? d4 : d6, (uint16_t)(dport[0] << 8 | dport[1]), dst);
	*ret_protocol = *num;
	return true;
}

struct track_sweep {
	sockdiag_track_fn *fn;
	void *arg;
	int stopped;
};

static int
on_track(void *arg, const struct nlmsghdr *h, size_t n)
{
	struct track_sweep *w = arg;
	struct sockdiag_track t;
	const uint8_t *p = NLMSG_DATA(h), *status, *info, *tcp, *state;
	size_t head = NLMSG_ALIGN(sizeof(struct nfgenmsg)), left, one, info_n = 0, tcp_n = 0;
	uint32_t bits = 0;

	if (w->stopped != 0 || n < NLMSG_LENGTH(head))
		return 0;
	p += head;
	left = n - NLMSG_LENGTH(head);
	if (!tuple(p, left, CTA_TUPLE_ORIG, &t.from, &t.to, &t.protocol) ||
	    !tuple(p, left, CTA_TUPLE_REPLY, &t.reached, &t.returned, &t.protocol))
		return 0;
	status = attribute(p, left, CTA_STATUS, 4, &one);
	if (status != NULL)
		memcpy(&bits, status, 4);
	info = attribute(p, left, CTA_PROTOINFO, 0, &info_n);
	tcp = attribute(info, info_n, CTA_PROTOINFO_TCP, 0, &tcp_n);
	state = attribute(tcp, tcp_n, CTA_PROTOINFO_TCP_STATE, 1, &one);
	t.over = state != NULL && *state >= TCP_CONNTRACK_FIN_WAIT;
	t.answered = status == NULL || (ntohl(bits) & 2) != 0;          /* IPS_SEEN_REPLY */
	w->stopped = w->fn(w->arg, &t);
	return 0;
}

int
sockdiag_track_sweep(int fd, sockdiag_track_fn *fn, void *arg)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} q = { .h = { .nlmsg_len = sizeof(q), .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = 1 }, .g = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 } };
	struct track_sweep w = { .fn = fn, .arg = arg };
	int r = dump(fd, &q, sizeof(q), 1, on_track, &w);

	return r != 0 ? r : w.stopped;
}

int
sockdiag_track_events(int fd, sockdiag_track_fn *fn, void *arg, uint64_t *ret_lost)
{
	struct track_sweep w = { .fn = fn, .arg = arg };

	return drain(fd, on_track, &w, &w.stopped, ret_lost);
}

struct address_sweep {
	struct sockdiag_end *all;
	unsigned n, count;
};

static int
on_address(void *arg, const struct nlmsghdr *h, size_t n)
{
	struct address_sweep *w = arg;
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	const uint8_t *p = NLMSG_DATA(h), *a;
	size_t head = NLMSG_ALIGN(sizeof(*m)), left, one;

	if (h->nlmsg_type != RTM_NEWADDR || n < NLMSG_LENGTH(head) || w->count == w->n)
		return 0;
	left = n - NLMSG_LENGTH(head);
	/* The near end of a point-to-point link is LOCAL; IPv6 has only ADDRESS. */
	a = attribute(p + head, left, IFA_LOCAL, m->ifa_family == AF_INET ? 4 : 16, &one);
	if (a == NULL)
		a = attribute(p + head, left, IFA_ADDRESS, m->ifa_family == AF_INET ? 4 : 16, &one);
	if (a != NULL && (m->ifa_family == AF_INET || m->ifa_family == AF_INET6))
		end_of(m->ifa_family, a, 0, &w->all[w->count++]);
	return 0;
}

unsigned
sockdiag_addresses(int fd, struct sockdiag_end *ret, unsigned n)
{
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg m;
	} q = { .h = { .nlmsg_len = sizeof(q), .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = 1 } };
	struct address_sweep w = { .all = ret, .n = n };

	(void)dump(fd, &q, sizeof(q), 1, on_address, &w);
	return w.count;
}
