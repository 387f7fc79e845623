// SPDX-License-Identifier: MIT
// One service of a small estate, instrumented by OpenTelemetry: node estate.js NAME PORT. See README.md.
const dns = require('dns');
const realLookup = dns.lookup;
// The names of the estate all live here.
dns.lookup = (host, options, done) => {
  if (typeof options === 'function') { done = options; options = {}; }
  if (!/\.(svc|db|mq|example)$/.test(host)) return realLookup(host, options, done);
  process.nextTick(() => options && options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
};
const [name, port] = [process.argv[2], +process.argv[3]];
process.env.OTEL_SERVICE_NAME = name;
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { OTLPTraceExporter } = require(process.env.PROTO === '1' ? '@opentelemetry/exporter-trace-otlp-proto' :
  '@opentelemetry/exporter-trace-otlp-http');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { IORedisInstrumentation } = require('@opentelemetry/instrumentation-ioredis');
const traceExporter = new OTLPTraceExporter({ url: 'http://127.0.0.1:4999/v1/traces', compression: process.env.GZIP === '1' ? 'gzip' : 'none' });
const instrumentations = [new HttpInstrumentation(), new IORedisInstrumentation({ requireParentSpan: true })];
if (process.env.OLD === '1') {
  instrumentations.push(new (require('@opentelemetry/instrumentation-dns').DnsInstrumentation)());
  instrumentations.push(new (require('@opentelemetry/instrumentation-net').NetInstrumentation)());
}
const sdk = new NodeSDK({ traceExporter, instrumentations });
sdk.start();

const http = require('http');
const net = require('net');
const { trace, SpanKind, context, propagation } = require('@opentelemetry/api');
const Redis = require('ioredis');
const tracer = trace.getTracer('shop');
const redis = name === 'cart' ? new Redis({ host: 'redis-cart.db', port: +process.env.REDIS, lazyConnect: true, family: 4 }) : null;

const get = (host, to) => new Promise((done) => {
  const q = http.request({ host, port: to, path: '/', agent: false }, (r) => { r.resume(); r.on('end', done); });
  q.on('error', done);
  q.end();
});

function produce() {
  const attributes = { 'messaging.system': 'kafka', 'messaging.destination.name': 'orders', 'messaging.operation.type': 'send',
    'server.address': 'kafka.mq', 'server.port': 9092 };
  const span = tracer.startSpan('send orders', { kind: SpanKind.PRODUCER, attributes });
  const carrier = {};
  propagation.inject(trace.setSpan(context.active(), span), carrier);
  span.end();
  net.connect(7105, '127.0.0.1').end(JSON.stringify(carrier));
}

async function consume(text) {
  const link = trace.getSpanContext(propagation.extract(context.active(), JSON.parse(text)));
  const attributes = { 'messaging.system': 'kafka', 'messaging.destination.name': 'orders', 'messaging.operation.type': 'process' };
  const span = tracer.startSpan('process orders', { kind: SpanKind.CONSUMER, root: true, links: [{ context: link }], attributes });
  await context.with(trace.setSpan(context.active(), span), () => get('mail.svc', 7998));
  span.end();
}

const work = {
  gateway: async () => { await get('cart.svc', 7002); await get('checkout.svc', 7003); },
  cart: async () => { await redis.set('a', '1'); await redis.get('a'); },
  checkout: async () => { await get('payment.svc', 7004); produce(); },
  payment: () => get('bank.example', 7999),
  fulfilment: async () => {},
};
http.createServer((q, r) => work[name]().then(() => r.end('ok'))).listen(port, '127.0.0.1', () => console.log('ready'));
if (name === 'fulfilment') {
  net.createServer((s) => {
    let text = '';
    s.on('data', (d) => { text += d; });
    s.on('end', () => consume(text));
  }).listen(7105, '127.0.0.1');
}
process.on('SIGTERM', () => sdk.shutdown().then(() => process.exit(0)));
