// Verifies the signatures of all vectors, and signs requests, by the library jose.
//
// node peer.mjs verify FOLDER          a line for each vector: name, verdict on the request, verdict on the statement
// node peer.mjs sign SANDBOX FOLDER    writes PS256.jwt and ES256.jwt, each a request for the sandbox, and ES256.jwk.json
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as jose from "jose";

const read = (...name) => readFileSync(join(...name), "utf8");
// verdict is good, or bad with the library's reason.
async function verdict(token, algorithms, keys) {
  try {
    await jose.compactVerify(token, jose.createLocalJWKSet(JSON.parse(keys)), { algorithms });
    return "good";
  } catch (error) {
    return `bad:${error.code ?? error.name}`;
  }
}

async function verify(folder) {
  for (const { name, file } of JSON.parse(read(folder, "index.json")).vectors) {
    const vector = JSON.parse(read(folder, file)), token = vector.jws ?? Buffer.from(vector.jws_base64, "base64").toString("latin1");
    const keys = (which) => read(folder, dirname(file), vector.keys[which]);
    const admitted = vector.policy?.signing_algorithms ?? ["PS256", "ES256"];
    if (vector.kind === "statement") {
      console.log(`${name} - ${await verdict(token, admitted, keys("directory"))}`);
      continue;
    }
    let statement = "-";
    try {
      statement = await verdict(jose.decodeJwt(token).software_statement, admitted, keys("directory"));
    } catch { } // no JWT, or none that has a statement
    console.log(`${name} ${await verdict(token, admitted, keys("software"))} ${statement}`);
  }
}

async function sign(sandbox, folder) {
  const request = jose.decodeJwt(read(sandbox, "tpp/request.jwt"));
  const ec = await jose.generateKeyPair("ES256", { extractable: true });
  writeFileSync(join(folder, "ES256.jwk.json"), JSON.stringify({ ...await jose.exportJWK(ec.publicKey), kid: "jose-ec", alg: "ES256", use: "sig" }));
  const rsa = await jose.importPKCS8(read(sandbox, "tpp/signing.key"), "PS256");
  for (const [alg, kid, key] of [["PS256", read(sandbox, "tpp/signing.kid"), rsa], ["ES256", "jose-ec", ec.privateKey]]) {
    const token = new jose.SignJWT({ ...request, jti: crypto.randomUUID() }).setProtectedHeader({ alg, kid, typ: "JWT" });
    writeFileSync(join(folder, `${alg}.jwt`), await token.sign(key));
  }
}

const [verb, ...names] = process.argv.slice(2);
await { verify, sign }[verb](...names);
