/* SPDX-License-Identifier: MIT */
/* procname.c - see procname.h. */
#include "io/procname.h"
#include "base/types.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX 64u
#define ID_BYTES 65
#define CONFIG_MAX (256u << 10)
#define POD_LETTERS "bcdfghjklmnpqrstvwxz2456789"       /* of which Kubernetes makes its endings */

size_t
procname_read(const char *path, char *out, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t got = 0;

	while (fd >= 0 && got < n - 1) {
		ssize_t r = read(fd, out + got, n - 1 - got);

		if (r <= 0)
			break;
		got += (size_t)r;
	}
	if (fd >= 0)
		close(fd);
	while (got > 0 && out[got - 1] == '\n')
		got--;
	out[got] = '\0';
	return got;
}

static bool
is_one_of(const char *s, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, s) == 0)
			return true;
	}
	return false;
}

/* "orders" of "/srv/orders.py", n bytes at most; what comes last is no part of the name when it is one of these. */
static void
base_name(const char *path, char *out, size_t n)
{
	static const char *const tails[] = { ".py", ".pyc", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl", ".php", ".jar", ".war", ".dll", ".sh",
	    ".lua", ".ru", NULL };
	const char *slash = strrchr(path, '/');

	snprintf(out, n, "%s", slash != NULL ? slash + 1 : path);
	for (const char *const *t = tails; *t != NULL; t++) {
		size_t len = strlen(out), tail = strlen(*t);

		if (len > tail && strcmp(out + len - tail, *t) == 0)
			out[len - tail] = '\0';
	}
}

/* "app.jar", "main.py", "server.js" are everybody's; the folder says more. */
static void
script_name(const char *path, const char *cwd, char *out, size_t n)
{
	static const char *const vague[] = { "app", "main", "server", "index", "manage", "run", "wsgi", "asgi", "__main__", "start", "service",
	    "application", "bootstrap", "launcher", "cli", NULL };
	static const char *const folders[] = { "", ".", "..", "src", "bin", "app", "lib", "dist", "build", "out", "opt", "srv", "usr", "tmp", "root",
	    "home", "code", "target", "local", "www", "var", "workspace", "work", NULL };
	char whole[1024], folder[256];
	char *slash;

	base_name(path, out, n);
	if (!is_one_of(out, vague))
		return;
	snprintf(whole, sizeof(whole), "%s%s%s", path[0] == '/' ? "" : cwd, path[0] == '/' ? "" : "/", path);
	while ((slash = strrchr(whole, '/')) != NULL) {
		*slash = '\0';
		slash = strrchr(whole, '/');
		snprintf(folder, sizeof(folder), "%.255s", slash != NULL ? slash + 1 : whole);
		if (is_one_of(folder, folders))
			continue;
		snprintf(out, n, "%.*s", (int)n - 1, folder);
		return;
	}
	/* Nobody says: the interpreter's name, and its port, are as good. */
	out[0] = '\0';
}

struct args {
	const char *p[ARGS_MAX];
	unsigned n;
};

static void
split(const char *args, size_t n, struct args *ret)
{
	ret->n = 0;
	for (const char *p = args, *end = args + n; p < end && ret->n < ARGS_MAX; p += strlen(p) + 1)
		ret->p[ret->n++] = p;
}

struct main_class {
	const char *part, *name;
};

/* "orders" of "-jar /opt/orders-1.4.2.jar", "zookeeper" of its main class. */
static void
java_name(const struct args *a, const char *cwd, char *out, size_t n)
{
	static const struct main_class known[] = { { "zookeeper.server", "zookeeper" }, { "kafka.Kafka", "kafka" },
		{ "elasticsearch", "elasticsearch" }, { "opensearch", "opensearch" }, { "CassandraDaemon", "cassandra" }, { "activemq", "activemq" },
		{ "catalina.startup", "tomcat" }, { "logstash", "logstash" }, { "NameNode", "namenode" }, { "DataNode", "datanode" },
		{ "solr", "solr" }, { "pulsar", "pulsar" } };
	static const char *const with_value[] = { "-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-opens", "--add-modules",
	    "--add-exports", "--add-reads", NULL };
	const char *what = NULL;
	bool jar = false;
	char *end;

	for (unsigned i = 1; i < a->n && what == NULL; i++) {
		if (strcmp(a->p[i], "-jar") == 0 && i + 1 < a->n) {
			what = a->p[i + 1];
			jar = true;
		} else if (is_one_of(a->p[i], with_value)) {
			i++;
		} else if (a->p[i][0] != '-' && a->p[i][0] != '@') {
			what = a->p[i];
		}
	}
	if (what == NULL)
		return;
	for (size_t i = 0; i < FL_ARRAY_LEN(known); i++) {
		if (strstr(what, known[i].part) != NULL) {
			snprintf(out, n, "%s", known[i].name);
			return;
		}
	}
	if (!jar) {
		const char *dot = strrchr(what, '.');

		snprintf(out, n, "%s", dot != NULL && dot[1] != '\0' ? dot + 1 : what);
		return;
	}
	script_name(what, cwd, out, n);
	/* "-1.4.2-SNAPSHOT" is a version. */
	for (end = out; (end = strchr(end, '-')) != NULL; end++) {
		if (end > out && end[1] >= '0' && end[1] <= '9') {
			*end = '\0';
			return;
		}
	}
}

/* The first word that is no option; `module` names the option behind which a module stands. */
static void
other_name(const struct args *a, const char *cwd, const char *module, char *out, size_t n)
{
	static const char *const with_value[] = { "-W", "-X", "-r", "--require", "--import", "--loader", "-I", "-w", "--workers", "-b", "--bind",
	    "-k", "--host", "--port", "-t", "--threads", "--chdir", "--config", "-c", NULL };
	static const char *const runners[] = { "gunicorn", "uvicorn", "celery", "flask", "hypercorn", "daphne", "uwsgi", "npm", "yarn", "puma",
	    "unicorn", "bundle", "exec", "run", "start", "worker", NULL };

	for (unsigned i = 1; i < a->n; i++) {
		const char *p = a->p[i];
		char base[256];

		if (module != NULL && strcmp(p, "-c") == 0 && strncmp(module, "-m", 2) == 0)
			return;         /* a program on the command line has no name */
		if (strcmp(p, "-e") == 0 || strcmp(p, "--eval") == 0)
			return;
		if (module != NULL && strcmp(p, module) == 0 && i + 1 < a->n) {
			snprintf(out, n, "%s", a->p[i + 1]);
			if (!is_one_of(out, runners))
				return;
			i++;
			continue;
		}
		if (is_one_of(p, with_value)) {
			i++;
			continue;
		}
		base_name(p, base, sizeof(base));
		if (p[0] == '-' || is_one_of(base, runners))
			continue;
		/* "orders.app:create()" of gunicorn; a script. */
		if (strchr(p, ':') != NULL && strchr(p, '/') == NULL) {
			snprintf(out, n, "%.*s", (int)FL_MIN(strcspn(p, ".:"), n - 1), p);
			return;
		}
		script_name(p, cwd, out, n);
		return;
	}
}

/* Docker's own forwarder: where it leads to, "172.17.0.2:5432". */
static void
forwarder_name(const struct args *a, char *out, size_t n)
{
	const char *ip = NULL, *port = NULL, *tcp = NULL;

	for (unsigned i = 1; i + 1 < a->n; i++) {
		if (strcmp(a->p[i], "-container-ip") == 0)
			ip = a->p[i + 1];
		else if (strcmp(a->p[i], "-container-port") == 0)
			port = a->p[i + 1];
		else if (strcmp(a->p[i], "-proto") == 0)
			tcp = a->p[i + 1];
	}
	if (ip != NULL && port != NULL && (tcp == NULL || strcmp(tcp, "tcp") == 0))
		snprintf(out, n, strchr(ip, ':') != NULL ? "[%s]:%s" : "%s:%s", ip, port);
}

bool
procname_app(const char *comm, const char *args, size_t n, const char *cwd, char *out, size_t out_bytes)
{
	static const char *const others[] = { "node", "nodejs", "ruby", "perl", "php", "dotnet", "gunicorn", "uvicorn", "hypercorn", "daphne",
	    "celery", "flask", "deno", "bun", "lua", "MainThread", NULL };
	struct args a;

	out[0] = '\0';
	split(args, n, &a);
	if (strcmp(comm, "java") == 0)
		java_name(&a, cwd, out, out_bytes);
	else if (strncmp(comm, "python", 6) == 0 || strncmp(comm, "pypy", 4) == 0)
		other_name(&a, cwd, "-m", out, out_bytes);
	else if (strcmp(comm, "beam.smp") == 0) {
		for (unsigned i = 1; i < a.n && out[0] == '\0'; i++) {
			if (strstr(a.p[i], "rabbit") != NULL)
				snprintf(out, out_bytes, "rabbitmq");
			else if (strstr(a.p[i], "emqx") != NULL)
				snprintf(out, out_bytes, "emqx");
			else if (strstr(a.p[i], "couchdb") != NULL)
				snprintf(out, out_bytes, "couchdb");
		}
	} else if (strcmp(comm, "docker-proxy") == 0)
		forwarder_name(&a, out, out_bytes);
	else if (is_one_of(comm, others))
		other_name(&a, cwd, NULL, out, out_bytes);
	return out[0] != '\0';
}

/* Containers */

static bool
named_machine(const char *cgroup, const char *before, const char *after, char *out, size_t n)
{
	const char *at = strstr(cgroup, before), *end;

	if (at == NULL)
		return false;
	at += strlen(before);
	end = after[0] != '\0' ? strstr(at, after) : at + strcspn(at, "/\n");
	if (end == NULL || end == at || memchr(at, '/', (size_t)(end - at)) != NULL)
		return false;
	snprintf(out, n, "%.*s", (int)FL_MIN((size_t)(end - at), n - 1), at);
	return true;
}

bool
procname_container(const char *cgroup, char *id, size_t id_bytes)
{
	for (const char *p = cgroup; *p != '\0' && id_bytes >= ID_BYTES; p++) {
		size_t n = strspn(p, "0123456789abcdef");

		if (n == 64) {
			snprintf(id, id_bytes, "%.64s", p);
			return true;
		}
		if (n > 0)
			p += n - 1;
	}
	return named_machine(cgroup, "systemd-nspawn@", ".service", id, id_bytes) ||
	    named_machine(cgroup, "/machine.slice/machine-", ".scope", id, id_bytes) ||
	    named_machine(cgroup, "/lxc.payload.", "", id, id_bytes) || named_machine(cgroup, "/lxc/", "", id, id_bytes);
}

static bool
is_ending(const char *s, size_t n)
{
	return strspn(s, POD_LETTERS) >= n && (s[n] == '\0' || s[n] == '-');
}

void
procname_workload(char *pod)
{
	char *dash = strrchr(pod, '-'), *before;

	if (dash == NULL || dash == pod)
		return;
	if (dash[1] != '\0' && strspn(dash + 1, "0123456789") == strlen(dash + 1) && strlen(dash + 1) <= 4) {
		*dash = '\0';
		return;
	}
	if (strlen(dash + 1) != 5 || !is_ending(dash + 1, 5))
		return;
	*dash = '\0';
	before = strrchr(pod, '-');
	if (before != NULL && before > pod && strlen(before + 1) >= 6 && strlen(before + 1) <= 10 && is_ending(before + 1, strlen(before + 1)))
		*before = '\0';
}

/* The text behind "key":" in JSON that a container engine wrote; names have no escapes. */
static bool
json_text(const char *json, const char *key, char *out, size_t n)
{
	char quoted[128];
	const char *at;
	size_t len;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(json, quoted);
	if (at == NULL)
		return false;
	at += strlen(quoted);
	at += strspn(at, " [\n");
	if (*at != '"')
		return false;
	at += 1 + (at[1] == '/');
	len = strcspn(at, "\"\\");
	if (len == 0 || at[len] != '"')
		return false;
	snprintf(out, n, "%.*s", (int)FL_MIN(len, n - 1), at);
	return true;
}

static bool
docker_name(const char *id, char *text, char *out, size_t n)
{
	char path[256];

	snprintf(path, sizeof(path), "/var/lib/docker/containers/%s/config.v2.json", id);
	(void)procname_read(path, text, CONFIG_MAX);
	return json_text(text, "io.kubernetes.container.name", out, n) || json_text(text, "com.docker.compose.service", out, n) ||
	    json_text(text, "com.docker.swarm.service.name", out, n) || json_text(text, "Name", out, n);
}

static bool
podman_name(const char *id, char *text, char *out, size_t n)
{
	static const char *const stores[] = { "/var/lib/containers/storage", "/run/containers/storage" };
	char path[256];
	const char *at;

	for (size_t i = 0; i < FL_ARRAY_LEN(stores); i++) {
		static const char *const kinds[] = { "overlay", "vfs", "btrfs", "zfs" };

		for (size_t k = 0; k < FL_ARRAY_LEN(kinds); k++) {
			snprintf(path, sizeof(path), "%s/%s-containers/containers.json", stores[i], kinds[k]);
			(void)procname_read(path, text, CONFIG_MAX);
			at = strstr(text, id);
			if (at != NULL && json_text(at, "names", out, n))
				return true;
		}
	}
	return false;
}

void
procname_container_name(int pid, const char *cgroup, const char *id, char *out, size_t out_bytes)
{
	bool kube = strstr(cgroup, "kubepods") != NULL;
	char path[256], *text;

	out[0] = '\0';
	if (strlen(id) != 64) {
		snprintf(out, out_bytes, "%s", id);
		return;
	}
	text = malloc(CONFIG_MAX);
	if (text != NULL && !kube && !docker_name(id, text, out, out_bytes))
		(void)podman_name(id, text, out, out_bytes);
	free(text);
	if (out[0] != '\0')
		return;
	snprintf(path, sizeof(path), "/proc/%d/root/etc/hostname", pid);
	if (procname_read(path, out, out_bytes) == 0 || strncmp(out, id, strlen(out)) == 0)
		snprintf(out, out_bytes, "%.12s", id);
	else if (kube)
		procname_workload(out);
}
