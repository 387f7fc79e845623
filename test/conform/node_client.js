// SPDX-License-Identifier: MIT
// node_client.js URL - drives the daemon at URL with toxiproxy-node-client, as its users do. Run by node_client.py.
"use strict";
const net = require("net");
const assert = require("assert");
const { Toxiproxy } = require("toxiproxy-node-client");

let passed = 0, failed = 0;
async function check(name, body) {
	try {
		await body();
		passed++;
	} catch (error) {
		failed++;
		console.log(`FAILED ${name}: ${error.message}`);
	}
}

function listen(serve) {
	return new Promise((resolve) => {
		const server = net.createServer(serve);
		server.listen(0, "127.0.0.1", () => resolve(server));
	});
}

// Send text, resolve with what came and how long the first byte took; "closed" when nothing did.
function ask(address, text) {
	return new Promise((resolve, reject) => {
		const [host, port] = address.split(":");
		const start = process.hrtime.bigint();
		const socket = net.connect(Number(port), host, () => socket.write(text));
		let got = "";
		socket.on("data", (data) => {
			got += data;
			if (got.length >= text.length) {
				socket.destroy();
				resolve({ got, ms: Number(process.hrtime.bigint() - start) / 1e6 });
			}
		});
		socket.on("close", () => resolve({ got: got || "closed", ms: 0 }));
		socket.on("error", (error) => resolve({ got: error.code, ms: 0 }));
		socket.setTimeout(20000, () => reject(new Error("timeout")));
	});
}

async function main(url) {
	const client = new Toxiproxy(url);
	const server = await listen((socket) => {
		socket.on("error", () => {});
		socket.pipe(socket);
	});
	const upstream = `127.0.0.1:${server.address().port}`;
	let proxy;

	await check("version", async () => assert.match(await client.getVersion(), /2\.\d+\.\d+/));
	await check("create", async () => {
		proxy = await client.createProxy({ name: "node", listen: "localhost:0", upstream });
		assert.strictEqual(proxy.name, "node");
		assert.match(proxy.listen, /^127\.0\.0\.1:\d+$/);
		assert.strictEqual(proxy.upstream, upstream);
		assert.strictEqual(proxy.enabled, true);
	});
	await check("relays", async () => assert.strictEqual((await ask(proxy.listen, "hello")).got, "hello"));
	await check("create again", async () => {
		await assert.rejects(client.createProxy({ name: "node", listen: "localhost:0", upstream }), /status code 409/);
	});
	await check("get", async () => assert.strictEqual((await client.get("node")).listen, proxy.listen));
	await check("get unknown", async () => assert.rejects(client.get("nobody"), /status code 404/));
	await check("getAll", async () => {
		const all = await client.getAll();
		assert.deepStrictEqual(Object.keys(all), ["node"]);
		assert.strictEqual(all.node.enabled, true);
	});
	for (const [type, attributes] of [["latency", { latency: 150, jitter: 0 }], ["bandwidth", { rate: 1000 }], ["slow_close", { delay: 10 }],
		["timeout", { timeout: 1000 }], ["slicer", { average_size: 64, size_variation: 32, delay: 10 }], ["limit_data", { bytes: 1000 }],
		["reset_peer", { timeout: 0 }]]) {
		await check(`toxic ${type}`, async () => {
			const toxic = await proxy.addToxic({ name: "t", type, stream: "downstream", toxicity: 1, attributes });
			assert.strictEqual(toxic.type, type);
			assert.deepStrictEqual({ ...toxic.attributes }, attributes);
			const again = await proxy.getToxic("t");
			assert.deepStrictEqual({ ...again.attributes }, attributes);
			await again.remove();
			await assert.rejects(proxy.getToxic("t"), /status code 404/);
		});
	}
	await check("latency is felt, and gone when removed", async () => {
		const toxic = await proxy.addToxic({ name: "slow", type: "latency", stream: "downstream", toxicity: 1, attributes: { latency: 150, jitter: 0 } });
		assert.ok((await ask(proxy.listen, "hello")).ms >= 149);
		await toxic.update({ attributes: { latency: 0, jitter: 0 } });
		assert.strictEqual((await proxy.getToxic("slow")).attributes.latency, 0);
		await toxic.remove();
		assert.strictEqual((await ask(proxy.listen, "hello")).got, "hello");
	});
	await check("bad toxic", async () => {
		await assert.rejects(proxy.addToxic({ name: "t", type: "nonsense", stream: "downstream", toxicity: 1, attributes: {} }), /status code 400/);
	});
	await check("disable and enable", async () => {
		const off = await proxy.update({ enabled: false, listen: proxy.listen, upstream });
		assert.strictEqual(off.enabled, false);
		assert.strictEqual((await ask(proxy.listen, "hello")).got, "ECONNREFUSED");
		const on = await proxy.update({ enabled: true, listen: proxy.listen, upstream });
		assert.strictEqual(on.listen, proxy.listen);
		assert.strictEqual((await ask(proxy.listen, "hello")).got, "hello");
	});
	await check("reset", async () => {
		await proxy.addToxic({ name: "t", type: "timeout", stream: "upstream", toxicity: 1, attributes: { timeout: 0 } });
		await proxy.update({ enabled: false, listen: proxy.listen, upstream });
		await client.reset();
		assert.strictEqual((await client.get("node")).enabled, true);
		assert.strictEqual((await ask(proxy.listen, "hello")).got, "hello");
	});
	await check("populate", async () => {
		const made = await client.populate([{ name: "node", listen: proxy.listen, upstream }, { name: "more", listen: "localhost:0", upstream }]);
		const proxies = made.proxies || made;
		assert.strictEqual(Object.keys(proxies).length, 2);
		await (await client.get("more")).remove();
	});
	await check("remove", async () => {
		await proxy.remove();
		await assert.rejects(client.get("node"), /status code 404/);
		assert.deepStrictEqual(Object.keys(await client.getAll()), []);
	});
	server.close();
	console.log(`${passed} ${failed}`);
}

main(process.argv[2]).then(() => process.exit(0), (error) => {
	console.log(`FAILED: ${error.stack}`);
	process.exit(1);
});
