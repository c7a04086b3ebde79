// Judges the signed vectors by obdcr lint, and plays the live ones against sandboxes that run.
//
// node vectors.mjs OBDCR FOLDER [SANDBOX[=POLICY]...]    the command; the folder of the vectors; the folder of each sandbox, and
//                                                        the file with its policy where it has not the profile's default one
import { spawnSync } from "node:child_process";
import { constants, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, request as open } from "node:https";
import { join, relative } from "node:path";
import { isDeepStrictEqual as same } from "node:util";

const [obdcr, folder, ...sandboxes] = process.argv.slice(2);
const read = (...name) => readFileSync(join(...name), "utf8");
const index = JSON.parse(read(folder, "index.json"));
if (index.version !== 1) throw new Error(`the vectors are of version ${index.version}, this runner knows version 1`);
const vectors = new Map(index.vectors.map(({ file }) => [file, JSON.parse(read(folder, file))]));
const differences = [];
const compare = ({ name }, expected, got) =>
  same(expected, got) || differences.push(`${name}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`);

const lint = spawnSync(obdcr, ["lint", "-o", "json", join(folder, "vectors")], { maxBuffer: 2 ** 30, stdio: ["ignore", "pipe", "inherit"] });
const reports = JSON.parse(lint.stdout);
for (const report of reports) {
  const vector = vectors.get(relative(folder, report.file).replaceAll("\\", "/"));
  const rules = (severity) => [...new Set(report.violations.filter((v) => v.severity === severity).map((v) => v.rule))].sort();
  compare(vector, [vector.expect.valid, vector.expect.wire ?? null, vector.expect.rules, vector.expect.warnings],
    [report.valid, report.wire?.error ?? null, rules("error"), rules("warning")]);
}

const own = ["iss", "iat", "exp", "jti", "software_environment", "software_mode", "software_id", "software_client_id", "org_id", // stay the sandbox's
  "software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_endpoint", "org_jwks_revoked_endpoint"];

class Sandbox {
  constructor(argument) {
    const [at, policy] = argument.split("=");
    this.policy = policy && JSON.parse(read(policy));
    this.ready = JSON.parse(read(at, "ready.json"));
    this.statement = JSON.parse(read(at, "tpp/ssa.json"));
    this.kid = read(at, "tpp/signing.kid");
    this.key = { key: read(at, "tpp/signing.key"), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    this.agent = new Agent({ ca: read(at, "ca.pem"), cert: read(at, "tpp/transport.pem"), key: read(at, "tpp/transport.key"), keepAlive: true });
  }

  sign(payload) {
    const text = [{ alg: "PS256", kid: this.kid, typ: "JWT" }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    return `${text}.${sign("sha256", text, this.key).toString("base64url")}`;
  }

  send(method, address, headers, body = "") {
    return new Promise((resolve, reject) => open(address, { method, headers, agent: this.agent }, async (response) =>
      resolve({ status: response.statusCode, text: Buffer.concat(await response.toArray()).toString() })).on("error", reject).end(body));
  }

  async play(vector) {
    const { ssa, request } = vector.documents, now = Math.floor(Date.now() / 1000), software = this.statement.software_id;
    const changes = Object.keys({ ...this.statement, ...ssa }).filter((name) => !own.includes(name)).map((name) => [name, ssa[name] ?? null]);
    const statement = await this.send("POST", `${this.ready.directory}/ssa`, {}, JSON.stringify(Object.fromEntries(changes))); // null removes
    const token = this.sign({ ...request, iss: software, software_id: software, aud: this.ready.audience, iat: now, exp: now + 600,
      jti: randomUUID(), software_statement: statement.text });
    const answer = await this.send("POST", this.ready.registration_endpoint, { "Content-Type": "application/jwt" }, token);
    const client = JSON.parse(answer.text || "{}");
    compare(vector, [vector.expect.status, vector.expect.wire], [answer.status, client.error]);
    if (client.client_id) compare(vector, "deleted: 204", `deleted: ${await this.delete(client, now)}`);
  }

  async delete({ client_id, token_endpoint_auth_method }, now) { // with a token of its own
    const { registration_endpoint, token_endpoint } = this.ready, form = new URLSearchParams({ grant_type: "client_credentials", client_id });
    if (token_endpoint_auth_method === "private_key_jwt") {
      form.set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
      form.set("client_assertion", this.sign({ iss: client_id, sub: client_id, aud: token_endpoint, jti: randomUUID(), iat: now, exp: now + 60 }));
    }
    const answer = await this.send("POST", token_endpoint, { "Content-Type": "application/x-www-form-urlencoded" }, form.toString());
    const authorization = `Bearer ${JSON.parse(answer.text).access_token}`;
    return (await this.send("DELETE", `${registration_endpoint}/${client_id}`, { authorization })).status;
  }
}

const live = [...vectors.values()].filter((vector) => vector.live);
let played = 0;
for (const sandbox of sandboxes.map((argument) => new Sandbox(argument))) {
  for (const vector of live.filter(({ profile, policy }) => same([profile, policy], [sandbox.ready.profile, sandbox.policy]))) {
    await sandbox.play(vector);
    await new Promise((done) => setTimeout(done, 30)); // a sandbox takes 100 requests a second
    played++;
  }
}
differences.forEach((difference) => console.log(difference));
console.log(`${reports.length} of ${index.count} judged, ${played} of ${live.length} live ones played, ${differences.length} differences`);
process.exit(differences.length || reports.length !== index.count ? 1 : 0);
