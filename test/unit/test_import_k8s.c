/* SPDX-License-Identifier: MIT */
/* test_import_k8s.c - manifests: every reference is a line, and nothing else is one. */
#include "import_kit.h"

static void
test_boutique(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "LA");
	kit_file(&k, "examples/sources/boutique.yaml", IMPORT_KUBERNETES);
	KIT_TOLD(&k, "frontend -> productcatalogservice", "frontend -> currencyservice", "frontend -> cartservice",
	    "frontend -> recommendationservice",
	    "frontend -> shippingservice", "frontend -> checkoutservice", "frontend -> adservice", "recommendationservice -> productcatalogservice",
	    "checkoutservice -> productcatalogservice", "checkoutservice -> shippingservice", "checkoutservice -> paymentservice",
	    "checkoutservice -> emailservice", "checkoutservice -> currencyservice", "checkoutservice -> cartservice", "cartservice -> redis-cart",
	    "loadgenerator -> frontend", "frontend-external is frontend");
	kit_stop(&k);
}

static void
test_facts(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "F");
	kit_good(&k, "m.yaml",
	    "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: orders-db, namespace: shop, labels: {team: data}}\n"
	    "spec:\n  replicas: 3\n  serviceName: orders-db\n  volumeClaimTemplates: [{metadata: {name: d}}]\n  template:\n"
	    "    metadata: {labels: {app: orders-db}}\n    spec:\n      nodeSelector: {topology.kubernetes.io/zone: eu-1a}\n"
	    "      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname}]}}\n"
	    "      containers:\n      - name: pg\n        image: postgres:16\n        livenessProbe: {initialDelaySeconds: 30, failureThreshold: 6}\n"
	    "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x, namespace: shop}\n"
	    "spec: {maxUnavailable: 34%, selector: {matchLabels: {app: orders-db}}}\n"
	    "---\napiVersion: velero.io/v1\nkind: Schedule\nmetadata: {name: nightly, namespace: velero}\n"
	    "spec: {schedule: '0 2 * * *', paused: true, template: {includedNamespaces: [shop], labelSelector: {matchLabels: {app: orders-db}}}}\n"
	    "status: {phase: Enabled, lastBackup: '2026-11-19T02:00:00Z'}\n"
	    "---\napiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: n1}\nspec: {includedNamespaces: ['*']}\n"
	    "status: {phase: Completed, startTimestamp: '2026-11-19T02:00:00Z', completionTimestamp: '2026-11-19T02:04:05Z'}\n"
	    "---\napiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: n2}\nspec: {includedNamespaces: [shop]}\n"
	    "status: {phase: PartiallyFailed, completionTimestamp: '2026-11-20T02:04:05Z'}\n"
	    "---\napiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: n3}\nspec: {includedNamespaces: [other]}\n"
	    "status: {phase: Completed, completionTimestamp: '2026-11-20T05:04:05Z'}\n", IMPORT_KUBERNETES);
	KIT_TOLD(&k, "shop/orders-db: kubernetes.kind=StatefulSet", "shop/orders-db: owner=data", "shop/orders-db: spread=hostname",
	    "shop/orders-db: zone=eu-1a", "shop/orders-db: stateful=true", "shop/orders-db: replicas=3", "shop/orders-db: recover.probe=90s",
	    "shop/orders-db: replicas.min=2", "shop/orders-db: backup.by=velero", "shop/orders-db: backup.schedule=0 2 * * *",
	    "shop/orders-db: backup.paused=true", "shop/orders-db: backup.last=2026-11-19T02:04:05Z", "shop/orders-db: backup.seconds=245",
	    "shop/orders-db: backup.failed=2026-11-20T02:04:05Z", "shop/orders-db: backup.ok=false");
	kit_stop(&k);
}

/* The pieces that the tests below put together. */
#define WORKLOAD(kind, ns, name, rest) \
	"---\napiVersion: apps/v1\nkind: " kind "\nmetadata: {name: " name ", namespace: " ns "}\nspec:\n  template:\n" \
	"    metadata: {labels: {app: " name "}}\n    spec:\n      containers:\n      - name: main\n" \
	"        image: registry:5000/team/" name ":1.2\n" rest
#define SERVICE(ns, name, app) \
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: " name ", namespace: " ns "}\nspec: {selector: {app: " app "}}\n"
#define BOTH(ns, name) WORKLOAD("Deployment", ns, name, "") SERVICE(ns, name, name)

static void
test_forms_of_references(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "m.yaml", BOTH("shop", "cart") BOTH("shop", "orders-db") BOTH("pay", "payment") BOTH("shop", "users") BOTH("shop", "search")
	    BOTH("shop", "mail") BOTH("shop", "audit") BOTH("shop", "geo") BOTH("shop", "stock") BOTH("shop", "tax") BOTH("shop", "flags")
	    WORKLOAD("Deployment", "shop", "web",
	    "        args: [\"--cart-addr=cart:7070\", --search-endpoint, \"http://search:9200\","
	    " \"-Dspring.datasource.url=jdbc:mysql://orders-db:3306/o\"]\n"
	    "        env:\n"
	    "        - {name: PAYMENT, value: \"https://payment.pay.svc.cluster.local:8443/v1\"}\n"
	    "        - {name: USERS_HOST, value: users}\n"
	    "        - {name: MAIL_DSN, value: \"smtp://user:p%40ss@mail:25\"}\n"
	    "        - {name: TENANT, value: audit}\n"                      /* a word alone is no reference */
	    "        - {name: OTEL_SERVICE_NAME, value: geo}\n"
	    "        - {name: DB_NAME, value: stock}\n"
	    "        - {name: CORS_ORIGINS, value: \"http://tax:80\"}\n"     /* named, not called */
	    "        - {name: NO_PROXY, value: \"flags,flags.shop.svc\"}\n"
	    "        - {name: SELF_URL, value: \"http://web:80\"}\n"
	    "        - {name: LISTEN, value: \"0.0.0.0:8080\"}\n"
	    "        - {name: AGENT_URL, value: \"http://localhost:8126\"}\n"
	    "        - {name: BANK_URL, value: \"https://api.bank.example/v2\"}\n"
	    "        - {name: README, value: \"see https://docs.example.com/x\"}\n"
	    "        - {name: LEGACY_ADDR, value: \"10.9.8.7:1521\"}\n") SERVICE("shop", "web", "web"), IMPORT_KUBERNETES);
	KIT_TOLD(&k, "shop/web -> shop/cart", "shop/web -> shop/search", "shop/web -> shop/orders-db", "shop/web -> pay/payment",
	    "shop/web -> shop/users",
	    "shop/web -> shop/mail", "shop/web -> api.bank.example", "shop/web -> 10.9.8.7");
	kit_stop(&k);
}

static void
test_configs_secrets_and_variables(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "m.yaml", BOTH("shop", "cart") BOTH("shop", "orders-db") BOTH("shop", "users") BOTH("shop", "mail") BOTH("shop", "stock")
	    BOTH("shop", "redis-master") BOTH("shop", "unused")
	    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: common, namespace: shop}\ndata: {CART_URL: \"http://cart:8080\", COLOUR: users}\n"
	    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: nobody, namespace: shop}\ndata: {UNUSED_URL: \"http://unused:8080\"}\n"
	    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: files, namespace: shop}\ndata:\n  app.yaml: |\n    # see http://unused:80\n"
	    "    mail:\n      host: mail\n      port: 25\n    stock:\n      url: http://stock.shop:80/api\n    theme: unused\n"
	    "    help: http://help.example.com/\n"
	    "---\napiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\ndata: {dsn:"
	    " cG9zdGdyZXM6Ly9vOnNlY3JldEBvcmRlcnMtZGI6NTQzMi9v}\n"
	    WORKLOAD("Deployment", "shop", "web",
	    "        envFrom: [{configMapRef: {name: common}}]\n"
	    "        env:\n"
	    "        - {name: DSN, valueFrom: {secretKeyRef: {name: db, key: dsn}}}\n"
	    "        - {name: USERS, value: users}\n"
	    "        - {name: USERS_URL, value: \"http://$(USERS):80\"}\n"
	    "        - {name: CACHE, value: \"redis://$(REDIS_MASTER_SERVICE_HOST):6379\"}\n"
	    "        volumeMounts: [{name: conf, mountPath: /etc/app}]\n"
	    "      volumes: [{name: conf, configMap: {name: files}}, {name: other, configMap: {name: nobody}}]\n"), IMPORT_KUBERNETES);
	KIT_TOLD(&k, "shop/web -> shop/cart", "shop/web -> shop/orders-db", "shop/web -> shop/users", "shop/web -> shop/redis-master",
	    "shop/web -> shop/mail",
	    "shop/web -> shop/stock");
	kit_stop(&k);
}

static void
test_names(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "LA");
	kit_good(&k, "m.yaml",
	    /* Two versions behind one service, a set whose pods are named, a name for something outside, a service of another cluster. */
	    "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: reviews-v1}\nspec: {template: {metadata: {labels: {app: reviews,"
	    " version: v1}},"
	    " spec: {containers: [{name: a, image: r}]}}}\n"
	    "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: reviews-v2}\nspec: {template: {metadata: {labels: {app: reviews,"
	    " version: v2}},"
	    " spec: {containers: [{name: a, image: r, env: [{name: RATINGS_URL, value: 'http://ratings:9080'}]}]}}}\n"
	    "---\napiVersion: v1\nkind: Service\nmetadata: {name: reviews}\nspec: {selector: {app: reviews}}\n"
	    "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ratings-v1}\nspec: {template: {metadata: {labels: {app: ratings,"
	    " version: v1}},"
	    " spec: {containers: [{name: a, image: r, env: [{name: MONGO_DB_URL, value:"
	    " 'mongodb://mongo-0.mongo:27017,mongo-1.mongo:27017/test'}]}]}}}\n"
	    "---\napiVersion: v1\nkind: Service\nmetadata: {name: ratings}\nspec: {selector: {app: ratings}}\n"
	    "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: mongo}\nspec: {template: {metadata: {labels: {app: mongo}},"
	    " spec: {containers: [{name: a, image: 'mongo:7'}]}}}\n"
	    "---\napiVersion: v1\nkind: Service\nmetadata: {name: mongo}\nspec: {clusterIP: None, selector: {app: mongo}}\n"
	    "---\napiVersion: v1\nkind: Service\nmetadata: {name: bank}\nspec: {type: ExternalName, externalName: gw.bank.example}\n"
	    "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: report}\nspec: {schedule: '0 4 * * *', jobTemplate: {spec: {template:"
	    " {spec: {containers: ["
	    "{name: a, image: r, env: [{name: BANK_HOST, value: bank}, {name: U, value: 'reviews.default.svc:80'}, {name: F, value:"
	    " 'http://stock.far.svc:80'}]}]}}}}}\n"
	    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: test-connection, annotations: {helm.sh/hook: test-success}}\n"
	    "spec: {containers: [{name: wget, image: busybox, command: [wget], args: ['reviews:80']}]}\n", IMPORT_KUBERNETES);
	KIT_TOLD(&k, "reviews -> ratings", "ratings -> mongo", "report -> gw.bank.example", "report -> reviews", "report -> far/stock",
	    "reviews-v1 is reviews",
	    "reviews-v2 is reviews", "ratings-v1 is ratings");
	kit_stop(&k);
}

static void
test_start_and_init(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "m.yaml", BOTH("a", "db") BOTH("a", "queue") BOTH("a", "sleep") WORKLOAD("Deployment", "a", "api", "")
	    "      initContainers:\n      - {name: w, image: busybox, command: [sh, -c, 'until nslookup db.a.svc.cluster.local; do echo"
	    " waiting; sleep 2; done']}\n"
	    "      - {name: v, image: busybox, command: [sh, -c, \"until nc -z -w 2 queue 5672; do sleep 1; done\"]}\n", IMPORT_KUBERNETES);
	KIT_TOLD(&k, "a/api -> a/db", "a/api -> a/queue");
	kit_stop(&k);
}

static void
test_istio_and_policies(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "LR");
	kit_good(&k, "m.yaml", BOTH("a", "api") BOTH("a", "db")
	    WORKLOAD("Deployment", "a", "web",
	    "        env: [{name: S, value: 'https://api.stripe.example'}, {name: V, value: 'http://shop-api:80'}]\n")
	    "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: s, namespace: a}\nspec: {hosts: [api.stripe.example]}\n"
	    "---\napiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: v, namespace: a}\n"
	    "spec: {hosts: [shop-api], http: [{route: [{destination: {host: api}}]}]}\n"
	    "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: a}\n"
	    "spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}\n"
	    "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n2, namespace: a}\n"
	    "spec: {podSelector: {matchLabels: {app: web}}, egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]}\n", IMPORT_KUBERNETES);
	KIT_TOLD(&k, "a/web -> api.stripe.example", "a/web -> a/api", "allow a/api -> a/db", "allow a/web -> a/api");
	kit_stop(&k);
}

static void
test_json_list(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "LI");
	kit_good(&k, "all.json",
	    "{\"apiVersion\": \"v1\", \"items\": [\n"
	    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"},\"spec\":{\"template\":{\"me"
	    "tadata\":{\"labels\":"
	    "{\"app\":\"a\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"env\":[{\"name\":\"B\",\"value\":\"b:80\"}]}]}}}},\n"
	    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"b\",\"namespace\":\"n\"},\"spec\":{\"template\":{\"me"
	    "tadata\":{\"labels\":"
	    "{\"app\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}},\n"
	    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"b-7d9-x\",\"namespace\":\"n\",\"labels\":{\"app\":\"b\"},\"ownerR"
	    "eferences\":[{\"kind\":"
	    "\"ReplicaSet\"}]},\"spec\":{\"containers\":[]},\"status\":{\"podIP\":\"10.1.2.3\"}},\n"
	    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"b\",\"namespace\":\"n\"},\"spec\":{\"selector\":{\"app\":\"b\"}}}\n"
	    "], \"kind\": \"List\", \"metadata\": {\"resourceVersion\": \"\"}}\n", IMPORT_KUBERNETES);
	KIT_TOLD(&k, "n/a -> n/b", "n/b at 10.1.2.3");
	kit_stop(&k);
}

static void
test_one_bad_document(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	assert_int_equal(kit_add(&k, "m.yaml", BOTH("a", "b") "---\nkind: [broken\napiVersion: v1\n"
	    WORKLOAD("Deployment", "a", "c", "        env: [{name: B_URL, value: 'http://b'}]\n"), NULL), -EINVAL);
	assert_int_equal(k.im.dropped, 1);
	assert_memory_equal(buf_str(&k.im.diag.text), "m.yaml:20:", 10);
	KIT_TOLD(&k, "a/c -> a/b");
	kit_stop(&k);
}

static void
test_memory_is_bounded(void **state)
{
	struct kit k = { .only = "" };
	struct import_opts opts = { .take = kit_take, .arg = &k, .now = 1, .memory_bytes = 4096 };
	int r;

	(void)state;
	import_init(&k.im, &opts);
	r = kit_add(&k, "m.yaml", BOTH("a", "b") BOTH("a", "c") BOTH("a", "d") BOTH("a", "e") BOTH("a", "f") BOTH("a", "g"), NULL);
	assert_int_equal(r, -ENOMEM);
	assert_int_equal(import_finish(&k.im), -ENOMEM);
	import_fini(&k.im);
}

#define POD(name) "spec: {template: {metadata: {labels: {app: " name "}}, spec: {containers: [{name: c, image: x}]}}}\n---\n"
#define SERVICE_OF(name) "apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec: {selector: {app: " name "}}\n---\n"
#define DEPLOY(name) "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " name "}\n" POD(name) SERVICE_OF(name)

/* Whatever routes in from outside; a route inside of the mesh is none. */
static void
test_routes(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "F");
	kit_good(&k, "m.yaml",
	    DEPLOY("a") DEPLOY("b") DEPLOY("c") DEPLOY("d") DEPLOY("e") DEPLOY("f")
	    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: {parentRefs: [{name: gw}], hostnames: [a.example],"
	    " rules: [{backendRefs: [{name: a, port: 80}, {kind: Bucket, name: f}]}]}\n---\n"
	    "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {name: r}\nspec: {parentRefs: [{kind: Service, name: a}],"
	    " rules: [{backendRefs: [{name: f, port: 80}]}]}\n---\n"
	    "apiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {name: r}\nspec: {host: b.example, to: {kind: Service, name: b}}\n---\n"
	    "apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {name: r}\nspec: {routes: [{match: x, services: [{name: c, port: 80},"
	    " {kind: TraefikService, name: f}]}]}\n---\n"
	    "apiVersion: projectcontour.io/v1\nkind: HTTPProxy\nmetadata: {name: r}\nspec: {virtualhost: {fqdn: d.example},"
	    " routes: [{services: [{name: d, port: 80}]}]}\n---\n"
	    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: r}\nspec: {defaultBackend: {service: {name: e}}}\n",
	    IMPORT_KUBERNETES);
	KIT_TOLD(&k, "a: kubernetes.kind=Deployment", "b: kubernetes.kind=Deployment", "c: kubernetes.kind=Deployment",
	    "d: kubernetes.kind=Deployment", "e: kubernetes.kind=Deployment", "f: kubernetes.kind=Deployment", "a: exposed=a.example",
	    "b: exposed=b.example", "c: exposed=*", "d: exposed=d.example", "e: exposed=*");
	kit_stop(&k);
}

/* A patch is of the workload that it patches, an ExternalName of a service elsewhere in the cluster that service. */
static void
test_patches_and_foreign_names(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "m.yaml",
	    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web-deploy}\n" POD("web") SERVICE_OF("web")
	    "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {type: ExternalName, externalName: pg.data.svc.cluster.local}\n---\n"
	    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web-deploy}\n"
	    "spec: {template: {spec: {containers: [{name: c, env: [{name: DB_HOST, value: db}, {name: U_URL, value: 'http://user.auth'}]}]}}}\n",
	    IMPORT_KUBERNETES);
	KIT_TOLD(&k, "web -> data/pg", "web -> auth/user");
	kit_stop(&k);
}

static void
test_knative(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, "L");
	kit_good(&k, "m.yaml",
	    "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: hello, namespace: shop}\n"
	    "spec: {template: {spec: {containers: [{image: x, env: [{name: NEXT_URL, value: 'http://next.shop.svc.cluster.local'}]}]}}}\n---\n"
	    "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: next, namespace: shop}\n"
	    "spec: {template: {spec: {containers: [{image: x, env: [{name: HELLO_URL, value: 'http://hello'}]}]}}}\n---\n"
	    "apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {name: t, namespace: shop}\n"
	    "spec: {broker: events, subscriber: {ref: {kind: Service, name: hello}}}\n---\n"
	    "apiVersion: sources.knative.dev/v1\nkind: PingSource\nmetadata: {name: ping, namespace: shop}\n"
	    "spec: {sink: {ref: {kind: Broker, name: events}}}\n---\n"
	    "apiVersion: sources.knative.dev/v1\nkind: SinkBinding\nmetadata: {name: sb, namespace: shop}\n"
	    "spec: {subject: {kind: Deployment, name: next}, sink: {uri: 'http://audit.example.com/x'}}\n", IMPORT_KUBERNETES);
	KIT_TOLD(&k, "shop/hello -> shop/next", "shop/next -> shop/hello", "shop/events -> shop/hello", "shop/ping -> shop/events",
	    "shop/next -> audit.example.com");
	kit_stop(&k);
}

static void
test_templates_are_refused(void **state)
{
	enum import_format f;
	struct kit k;

	(void)state;
	kit_start(&k, "N");
	assert_int_equal(kit_add(&k, "t.yaml",
	    DEPLOY("a") "# {{ a comment }}\napiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Values.name }}\n---\n"
	    "apiVersion: v1\nkind: Service\nmetadata: {name: \"{{ .Values.name }}\"}\n", &f), -EINVAL);
	assert_int_equal(f, IMPORT_KUBERNETES);
	assert_string_equal(buf_str(&k.im.diag.text),
	    "t.yaml:15:9: found a template that is not rendered, expected YAML: render it first, as with helm template");
	assert_int_equal(k.im.dropped, 2);
	assert_int_equal(kit_add(&k, "u.yaml", "{{- if .x }}\napiVersion: v1\nkind: Service\n{{ end }}\n", &f), -EINVAL);
	assert_int_equal(f, IMPORT_KUBERNETES);
	KIT_TOLD(&k, "a (1) ");
	kit_stop(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boutique), cmocka_unit_test(test_facts), cmocka_unit_test(test_forms_of_references),
		cmocka_unit_test(test_configs_secrets_and_variables), cmocka_unit_test(test_names), cmocka_unit_test(test_start_and_init),
		cmocka_unit_test(test_istio_and_policies), cmocka_unit_test(test_json_list), cmocka_unit_test(test_one_bad_document),
		cmocka_unit_test(test_memory_is_bounded), cmocka_unit_test(test_routes), cmocka_unit_test(test_knative),
			cmocka_unit_test(test_patches_and_foreign_names),
		cmocka_unit_test(test_templates_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
