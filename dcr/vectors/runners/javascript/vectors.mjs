// Judges the signed vectors by obdcr lint, and plays the live ones against sandboxes that run.
//   node vectors.mjs OBDCR FOLDER [SANDBOX...]    the command, the folder of the vectors, the folder of each sandbox
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { isDeepStrictEqual as same } from "node:util";
import { SignJWT } from "jose";

const [obdcr, folder, ...sandboxes] = process.argv.slice(2);
const read = (at, name) => readFileSync(`${at}/${name}`, "utf8"), json = (at, name) => JSON.parse(read(at, name));
const differences = [], show = (value) => JSON.stringify(value);
const compare = ({ name }, expected, got) =>
  same(expected, got) || differences.push(`${name}: expected ${show(expected)}, got ${show(got)}`);
let step = `the vectors in ${folder}`, played = 0;
process.on("uncaughtException", ({ message }) => {
  console.error(`cannot use ${step}: ${message}`);
  process.exit(1);
});

async function play(vector, at, ready, key, tls) {
  const send = async (address, headers, body) => {
    const [answer] = await once(request(address, { method: "POST", headers, ...tls }).end(body), "response");
    return [answer.statusCode, JSON.parse(Buffer.concat(await answer.toArray()).toString() || "{}")];
  };
  const [, claims] = await send(`${ready.directory}/vector`, {}, show(vector)); // for its own TPP, now
  const token = await new SignJWT(claims).setProtectedHeader({ alg: "PS256", kid: key.kid, typ: "JWT" }).sign(key);
  const [status, client] = await send(ready.registration_endpoint, { "Content-Type": "application/jwt" }, token);
  compare(vector, [vector.expect.status, vector.expect.wire], [status, client.error]);
  if (!client.client_id) return;
  const deleted = spawnSync(obdcr, ["delete", client.client_id, "--config", `${at}/conformance.json`]);
  compare(vector, "deleted: 0", `deleted: ${deleted.status}`);
}

const index = json(folder, "index.json");
if (index.version !== 1) throw new Error(`they are of version ${index.version}, this runner knows version 1`);
const vectors = new Map(index.vectors.map(({ name, file }) => [name, json(folder, file)]));
const live = [...vectors.values()].filter((vector) => vector.live);
step = `the command ${obdcr}`;
const lint = spawnSync(obdcr, ["lint", "-o", "json", `${folder}/vectors`], { maxBuffer: 2e9, stdio: [0, "pipe", 2] });
if (lint.error) throw lint.error;
const reports = JSON.parse(lint.stdout).filter(({ found }) => found); // others could not be judged
for (const { vector: name, found } of reports) {
  const { valid, rules, warnings, wire = null } = vectors.get(name).expect;
  compare({ name }, { valid, rules, warnings, wire }, found);
}
for (const at of sandboxes) {
  step = `the sandbox ${at}`;
  const ready = json(at, "ready.json"), key = json(at, "tpp/signing.jwk.json"), own = [ready.profile, ready.policy];
  const tls = { ca: read(at, "ca.pem"), cert: read(at, "tpp/transport.pem"), key: read(at, "tpp/transport.key") };
  for (const vector of live.filter(({ profile, policy }) => same([profile, policy], own))) {
    step = `the sandbox ${at} for ${vector.name}`;
    await play(vector, at, ready, key, tls);
    await new Promise((done) => setTimeout(done, 30)); // a sandbox takes 100 requests a second
    played++;
  }
}
console.log([...differences, ""].join("\n") + `${reports.length} of ${index.count} judged, ` +
  `${played} of ${live.length} live ones played, ${differences.length} differences`);
process.exit(differences.length || reports.length !== index.count ? 1 : 0);
