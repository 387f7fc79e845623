/* SPDX-License-Identifier: MIT */
/* test_procname.c - what a process is called: scripts, jars, modules, containers, pods. */
#include "io/procname.h"
#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct app {
	const char *comm, *args;        /* words end with a newline here */
	const char *cwd, *want;
};

static void
test_app(void **state)
{
	static const struct app apps[] = {
		{ "python3", "python3\n/srv/shop/orders.py\n--port\n80\n", "/", "orders" },
		{ "python3.11", "python3\n-u\napp.py\n", "/srv/stock", "stock" },
		{ "python3", "python3\n/opt/payments/src/main.py\n", "/", "payments" },
		{ "python3", "python3\n-m\nhttp.server\n8001\n", "/", "http.server" },
		{ "python3", "python3\n-m\nuvicorn\n--host\n0.0.0.0\ncatalog.main:app\n", "/", "catalog" },
		{ "gunicorn", "/usr/bin/python3\n/usr/bin/gunicorn\n-w\n4\nbilling.wsgi:app\n", "/", "billing" },
		{ "python3", "python3\n-c\nimport socket\n", "/", "" },
		{ "python3", "python3\n", "/", "" },
		{ "python3", "python3\n/app/app.py\n", "/app", "" },
		{ "node", "node\n--require\n./trace.js\n/home/cart/server.js\n", "/", "cart" },
		{ "java", "java\n-Xmx1g\n-jar\n/opt/orders-1.4.2-SNAPSHOT.jar\n", "/", "orders" },
		{ "java", "java\n-cp\n/usr/share/java/*\norg.apache.zookeeper.server.quorum.QuorumPeerMain\nzoo.cfg\n", "/", "zookeeper" },
		{ "java", "java\n-server\nkafka.Kafka\nserver.properties\n", "/", "kafka" },
		{ "java", "java\n-classpath\nx\ncom.example.PaymentService\n", "/", "PaymentService" },
		{ "java", "java\n-version\n", "/", "" },
		{ "beam.smp", "beam.smp\n-W\nw\n-s\nrabbit\nboot\n", "/", "rabbitmq" },
		{ "nginx", "nginx: master process nginx\n", "/", "" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(apps); i++) {
		size_t n = strlen(apps[i].args);
		char args[256], out[64] = "x";

		for (size_t k = 0; k <= n; k++)
			args[k] = apps[i].args[k];
		for (size_t k = 0; k < n; k++)
			args[k] = (char)(args[k] == '\n' ? '\0' : args[k]);
		assert_int_equal(procname_app(apps[i].comm, args, n, apps[i].cwd, out, sizeof(out)), apps[i].want[0] != '\0');
		assert_string_equal(out, apps[i].want);
	}
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
test_container(void **state)
{
	static const char *const groups[][2] = {
		{ "12:cpu:/docker/" ID "\n0::/\n", ID },
		{ "0::/system.slice/docker-" ID ".scope", ID },
		{ "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice/cri-containerd-" ID ".scope", ID },
		{ "0::/kubepods.slice/kubepods-pod12.slice/crio-" ID ".scope", ID },
		{ "0::/machine.slice/libpod-" ID ".scope/container", ID },
		{ "0::/machine.slice/systemd-nspawn@web1.service/payload/system.slice/x.service", "web1" },
		{ "0::/machine.slice/machine-web2.scope/payload", "web2" },
		{ "0::/lxc.payload.web3/init.scope", "web3" },
		{ "0::/system.slice/nginx.service", NULL },
		{ "0::/user.slice/user-0.slice/session-1.scope", NULL },
	};
	char id[128];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(groups); i++) {
		assert_int_equal(procname_container(groups[i][0], id, sizeof(id)), groups[i][1] != NULL);
		if (groups[i][1] != NULL)
			assert_string_equal(id, groups[i][1]);
	}
}

static void
test_workload(void **state)
{
	static const char *const pods[][2] = {
		{ "web-7d4b9cf6d-x2x4z", "web" }, { "cart-service-5f6b8c7d9f-q8w7z", "cart-service" }, { "redis-0", "redis" },
		{ "node-agent-x2x4z", "node-agent" }, { "web", "web" }, { "order-queue", "order-queue" }, { "api-v2", "api-v2" }, { "-0", "-0" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(pods); i++) {
		char name[64] = "";

		memcpy(name, pods[i][0], strlen(pods[i][0]));
		procname_workload(name);
		assert_string_equal(name, pods[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_app), cmocka_unit_test(test_container), cmocka_unit_test(test_workload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
