/* SPDX-License-Identifier: MIT */
/* import_image.c - see import_image.h. */
#include "graph/import_image.h"
#include "base/types.h"
#include <string.h>

struct image_kind {
	const char *word;
	enum sight_kind kind;
};
static const struct image_kind image_kinds[] = {
	{ "redis", SIGHT_DATASTORE }, { "valkey", SIGHT_DATASTORE }, { "postgres", SIGHT_DATASTORE }, { "postgresql", SIGHT_DATASTORE },
	{ "mysql", SIGHT_DATASTORE }, { "mariadb", SIGHT_DATASTORE }, { "mongo", SIGHT_DATASTORE }, { "mongodb", SIGHT_DATASTORE },
	{ "memcached", SIGHT_DATASTORE }, { "cassandra", SIGHT_DATASTORE }, { "elasticsearch", SIGHT_DATASTORE }, { "opensearch", SIGHT_DATASTORE },
	{ "clickhouse-server", SIGHT_DATASTORE }, { "etcd", SIGHT_DATASTORE }, { "zookeeper", SIGHT_DATASTORE }, { "cockroach", SIGHT_DATASTORE },
	{ "minio", SIGHT_DATASTORE }, { "influxdb", SIGHT_DATASTORE }, { "neo4j", SIGHT_DATASTORE }, { "couchdb", SIGHT_DATASTORE },
	{ "scylla", SIGHT_DATASTORE }, { "timescaledb", SIGHT_DATASTORE }, { "dynamodb-local", SIGHT_DATASTORE }, { "postgis", SIGHT_DATASTORE },
	{ "redis-stack", SIGHT_DATASTORE }, { "mssql", SIGHT_DATASTORE }, { "server-mssql", SIGHT_DATASTORE }, { "keydb", SIGHT_DATASTORE },
	{ "rabbitmq", SIGHT_BROKER }, { "kafka", SIGHT_BROKER }, { "cp-kafka", SIGHT_BROKER }, { "nats", SIGHT_BROKER }, { "activemq", SIGHT_BROKER },
	{ "redpanda", SIGHT_BROKER }, { "pulsar", SIGHT_BROKER }, { "mosquitto", SIGHT_BROKER }, { "emqx", SIGHT_BROKER }, { "artemis",
	SIGHT_BROKER },
	{ "cp-zookeeper", SIGHT_DATASTORE }, { "cp-server", SIGHT_BROKER }, { "nats-streaming", SIGHT_BROKER }, { "nsq", SIGHT_BROKER },
};

enum sight_kind
import_image_kind(const char *image)
{
	const char *slash = strrchr(image, '/'), *base = slash != NULL ? slash + 1 : image;
	size_t n = strcspn(base, ":@");

	for (size_t i = 0; i < FL_ARRAY_LEN(image_kinds); i++) {
		if (strlen(image_kinds[i].word) == n && strncmp(base, image_kinds[i].word, n) == 0)
			return image_kinds[i].kind;
	}
	return SIGHT_SERVICE;
}

struct process_kind {
	const char *process;
	unsigned port;          /* 0: any; a JVM is known by its port only */
	enum sight_kind kind;
};
static const struct process_kind process_kinds[] = {
	{ "redis-server", 0, SIGHT_DATASTORE }, { "valkey-server", 0, SIGHT_DATASTORE }, { "postgres", 0, SIGHT_DATASTORE }, { "mysqld", 0,
	SIGHT_DATASTORE },
	{ "mariadbd", 0, SIGHT_DATASTORE }, { "mongod", 0, SIGHT_DATASTORE }, { "mongos", 0, SIGHT_DATASTORE }, { "memcached", 0, SIGHT_DATASTORE },
	{ "etcd", 0, SIGHT_DATASTORE }, { "asd", 3000, SIGHT_DATASTORE }, { "clickhouse-serv", 0, SIGHT_DATASTORE }, { "cockroach", 0,
	SIGHT_DATASTORE },
	{ "influxd", 0, SIGHT_DATASTORE }, { "minio", 0, SIGHT_DATASTORE }, { "redis-sentinel", 0, SIGHT_DATASTORE }, { "nats-server", 0,
	SIGHT_BROKER },
	{ "rabbitmq-server", 0, SIGHT_BROKER }, { "mosquitto", 0, SIGHT_BROKER }, { "beam.smp", 5672, SIGHT_BROKER }, { "beam.smp", 5671,
	SIGHT_BROKER },
	{ "rabbitmq", 0, SIGHT_BROKER }, { "kafka", 0, SIGHT_BROKER }, { "activemq", 0, SIGHT_BROKER }, { "zookeeper", 0, SIGHT_DATASTORE },
	{ "elasticsearch", 0, SIGHT_DATASTORE }, { "cassandra", 0, SIGHT_DATASTORE },
	{ "java", 9092, SIGHT_BROKER }, { "java", 61616, SIGHT_BROKER }, { "java", 2181, SIGHT_DATASTORE }, { "java", 9200, SIGHT_DATASTORE },
	{ "java", 9300, SIGHT_DATASTORE }, { "java", 9042, SIGHT_DATASTORE }, { "java", 7000, SIGHT_DATASTORE }, { "", 5432, SIGHT_DATASTORE },
	{ "", 3306, SIGHT_DATASTORE }, { "", 6379, SIGHT_DATASTORE }, { "", 27017, SIGHT_DATASTORE }, { "", 11211, SIGHT_DATASTORE }, { "", 9042,
	SIGHT_DATASTORE },
	{ "", 2379, SIGHT_DATASTORE }, { "", 2181, SIGHT_DATASTORE }, { "", 1433, SIGHT_DATASTORE }, { "", 1521, SIGHT_DATASTORE }, { "", 5672,
	SIGHT_BROKER },
	{ "", 9092, SIGHT_BROKER }, { "", 4222, SIGHT_BROKER }, { "", 1883, SIGHT_BROKER },
};

enum sight_kind
import_process_kind(const char *process, unsigned port)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(process_kinds); i++) {
		const struct process_kind *p = &process_kinds[i];

		if (strcmp(p->process, process) == 0 && (p->port == 0 || p->port == port))
			return p->kind;
	}
	return SIGHT_SERVICE;
}
