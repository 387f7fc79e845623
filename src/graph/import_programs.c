/* SPDX-License-Identifier: MIT */
/* import_programs.c - see import_programs.h. */
#include "graph/import_programs.h"
#include <stdio.h>
#include <string.h>

static bool
is_one_of(const char *s, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, s) == 0)
			return true;
	}
	return false;
}

bool
import_programs_is_housekeeping(const char *process)
{
	static const char *const names[] = { "sshd", "systemd", "systemd-resolve", "systemd-timesyn", "systemd-network", "chronyd", "ntpd",
	    "dhclient", "rpcbind", "avahi-daemon", "cupsd", "master", "init", "ssh", "node_exporter", "containerd", "dockerd", "kubelet",
	    "docker-proxy", "sshd-session", "epmd", "rootlessport", "conmon", NULL };

	return is_one_of(process, names);
}

bool
import_programs_is_tool(const char *process)
{
	static const char *const names[] = { "curl", "wget", "psql", "pg_dump", "pg_isready", "pgbench", "pg_basebackup", "redis-cli",
	    "redis-benchmark", "mysql", "mysqldump", "mysqladmin", "mongo", "mongosh", "mongodump", "nc", "ncat", "netcat", "nc.openbsd",
	    "nc.traditional", "socat", "telnet", "openssl", "dig", "nslookup", "host", "drill", "ab", "wrk", "hey", "siege", "http", "etcdctl",
	    "kafkacat", "kcat", "rabbitmqctl", "rabbitmqadmin", "rsync", "scp", "git", "apt", "apt-get",
	    "npm", "ping", "lynx", "memcstat", "isql", "cqlsh", "grpcurl", "k6", "vegeta", NULL };

	return is_one_of(process, names);
}

/* "redis" of "/system.slice/redis.service"; "" of what is no service: sessions of users, containers that have only a number. */
static void
unit_name(const char *unit, char *out, size_t out_bytes)
{
	const char *slash = strrchr(unit, '/'), *base = slash != NULL ? slash + 1 : unit, *dot = strstr(base, ".service");

	out[0] = '\0';
	if (strncmp(unit, "container:", 10) == 0)
		snprintf(out, out_bytes, "%s", unit + 10);
	else if (dot != NULL && dot[8] == '\0' && strncmp(base, "user@", 5) != 0 && strstr(unit, "user.slice") == NULL)
		snprintf(out, out_bytes, "%.*s", (int)FL_MIN((size_t)(dot - base), out_bytes - 1), base);
}

static bool
is_container(const char *unit)
{
	return strncmp(unit, "container:", 10) == 0;
}

static const char *
process_label(const struct import_socket *s)
{
	return s->app != NULL && s->app[0] != '\0' ? s->app : s->process;
}

/* Of a unit the first program that listens; `several` when there is another. */
static void
unit_key(const struct import_host *h, const char *unit, char *out, size_t n)
{
	snprintf(out, n, "%u %s", h->number, unit);
}

void
import_programs_unit(struct import *im, const struct host_socket *x)
{
	struct import_sockets *all = im->parts->sockets;
	const char *label = process_label(&x->s);
	char name[256], key[300];
	const struct host_socket *first;

	unit_name(x->s.unit, name, sizeof(name));
	if (name[0] == '\0' || is_container(x->s.unit) || label[0] == '\0' || import_programs_is_housekeeping(label))
		return;
	unit_key(x->host, name, key, sizeof(key));
	first = map_get(&all->units, key);
	if (first == NULL || (first != &all->shared_unit && strcmp(process_label(&first->s), label) != 0))
		(void)map_put(&all->units, key, first == NULL ? (void *)(uintptr_t)x : &all->shared_unit, NULL);
}

/* The label, before programs of one label are told apart. ret_unit: it is that of a unit or container, which is one service. */
static const char *
label_of(struct import *im, const struct host_socket *x, bool *ret_unit)
{
	struct import_sockets *all = im->parts->sockets;
	char unit[256], key[300];
	const char *label;

	unit_name(x->s.unit, unit, sizeof(unit));
	if (unit[0] != '\0' && !is_container(x->s.unit)) {
		unit_key(x->host, unit, key, sizeof(key));
		if (map_get(&all->units, key) == &all->shared_unit)
			unit[0] = '\0';
	}
	*ret_unit = unit[0] != '\0';
	label = unit[0] == '\0' ? process_label(&x->s) : import_keep(im, unit);
	return label == NULL || import_programs_is_housekeeping(label) ? "" : label;
}

/* Of those of a label: who has the process or the port; else the one whose process was started last before. */
static struct host_program *
find(const struct import_host *h, const char *label, uint32_t pid, uint16_t port, bool near)
{
	struct host_program *best = NULL;

	for (struct host_program *p = h->programs; p != NULL; p = p->next) {
		if (strcmp(p->label, label) != 0)
			continue;
		if ((pid != 0 && p->pid == pid) || (port != 0 && p->port == port))
			return p;
		if (near && p->pid <= pid && (best == NULL || p->pid > best->pid))
			best = p;
	}
	return best;
}

void
import_programs_listener(struct import *im, const struct host_socket *x)
{
	bool is_unit;
	const char *label = label_of(im, x, &is_unit);
	uint16_t port = x->s.local.port;
	struct host_program *p;

	if (label[0] == '\0')
		return;
	p = find(x->host, label, is_unit ? UINT32_MAX : x->s.pid, port, is_unit || x->s.pid == 0);
	if (p == NULL) {
		p = import_alloc(im, sizeof(*p));
		if (p == NULL)
			return;
		*p = (struct host_program){ .next = x->host->programs, .label = label, .name = label, .pid = x->s.pid, .port = port };
		x->host->programs = p;
	}
	p->pid = p->pid == 0 || (x->s.pid != 0 && x->s.pid < p->pid) ? x->s.pid : p->pid;
	p->port = FL_MIN(p->port, port);
}

/* The port that its documentation says: of several of one name that is the one without a number, so that a second one renames nobody. */
static bool
is_usual_port(const char *label, uint16_t port)
{
	static const struct {
		const char *label;
		uint16_t port;
	} usual[] = { { "redis-server", 6379 }, { "valkey-server", 6379 }, { "postgres", 5432 }, { "mysqld", 3306 }, { "mariadbd", 3306 },
		{ "mongod", 27017 }, { "memcached", 11211 }, { "etcd", 2379 }, { "nats-server", 4222 }, { "rabbitmq", 5672 }, { "nginx", 80 },
		{ "haproxy", 80 }, { "zookeeper", 2181 }, { "kafka", 9092 }, { "apache2", 80 }, { "httpd", 80 } };

	for (size_t i = 0; i < FL_ARRAY_LEN(usual); i++) {
		if (usual[i].port == port && strcmp(usual[i].label, label) == 0)
			return true;
	}
	return false;
}

void
import_programs_finish(struct import *im, struct import_host *h)
{
	for (struct host_program *p = h->programs; p != NULL; p = p->next) {
		p->alike = 0;
		h->program_count++;
		for (const struct host_program *q = h->programs; q != NULL; q = q->next)
			p->alike += strcmp(p->label, q->label) == 0;
		if (p->alike > 1 && !is_usual_port(p->label, p->port))
			p->name = import_printf(im, "%s:%u", p->label, p->port);
	}
}

const char *
import_programs_label(struct import *im, const struct host_socket *x)
{
	bool is_unit;
	const char *label = label_of(im, x, &is_unit);
	const struct host_program *p = find(x->host, label, x->s.pid, x->s.listening ? x->s.local.port : 0, true);

	return p != NULL && p->name != NULL ? p->name : label;
}
