# Judges the signed vectors by obdcr lint, and plays the live ones against sandboxes that run.
#
# python vectors.py OBDCR FOLDER [SANDBOX[=POLICY]...]    the command; the folder of the vectors; the folder of each sandbox, and
#                                                         the file with its policy where it has not the profile's default one
import base64, json, pathlib, subprocess, sys, time, uuid
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

obdcr, folder, *sandboxes = sys.argv[1:]
index = json.loads(pathlib.Path(folder, "index.json").read_bytes())
if index["version"] != 1: sys.exit(f"the vectors are of version {index['version']}, this runner knows version 1")
vectors = {line["file"]: json.loads(pathlib.Path(folder, line["file"]).read_bytes()) for line in index["vectors"]}
judged, played, differences = 0, 0, []

def compare(vector, expected, got):
    if expected != got: differences.append(f"{vector['name']}: expected {expected}, got {got}")

lint = subprocess.run([obdcr, "lint", "-o", "json", folder + "/vectors"], stdout=subprocess.PIPE)  # ends with 1: many are bad
for report in json.loads(lint.stdout):
    vector, judged = vectors[pathlib.Path(report["file"]).relative_to(folder).as_posix()], judged + 1
    expect, wire = vector["expect"], report["wire"] or {}
    rules = {severity: sorted({v["rule"] for v in report["violations"] if v["severity"] == severity}) for severity in ("error", "warning")}
    compare(vector, [expect["valid"], expect.get("wire"), expect["rules"], expect["warnings"]],
            [report["valid"], wire.get("error"), rules["error"], rules["warning"]])

OWN = ["iss", "iat", "exp", "jti", "software_environment", "software_mode", "software_id", "software_client_id", "org_id",  # stay the sandbox's
       "software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_endpoint", "org_jwks_revoked_endpoint"]

def encode(data): return base64.urlsafe_b64encode(data).decode().rstrip("=")

class Sandbox:
    def __init__(self, argument):
        folder, _, policy = argument.partition("=")
        at, self.policy = pathlib.Path(folder), json.loads(pathlib.Path(policy).read_bytes()) if policy else None
        self.ready, self.statement = json.loads((at / "ready.json").read_bytes()), json.loads((at / "tpp/ssa.json").read_bytes())
        self.key, self.kid = serialization.load_pem_private_key((at / "tpp/signing.key").read_bytes(), None), (at / "tpp/signing.kid").read_text()
        self.http = requests.Session()
        self.http.cert, self.http.verify = (str(at / "tpp/transport.pem"), str(at / "tpp/transport.key")), str(at / "ca.pem")
        self.http.trust_env = False  # REQUESTS_CA_BUNDLE would replace verify

    def sign(self, payload):
        text = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": "PS256", "kid": self.kid, "typ": "JWT"}, payload))
        return text + "." + encode(self.key.sign(text.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()))

    def play(self, vector):
        now, claims, usual, software = int(time.time()), vector["documents"]["ssa"], self.statement, self.statement["software_id"]
        changes = {m: claims.get(m) for m in usual | claims if m not in OWN}  # None removes what the vector lacks
        statement = self.http.post(self.ready["directory"] + "/ssa", json=changes).text
        request = vector["documents"]["request"] | {"iss": software, "software_id": software, "aud": self.ready["audience"], "iat": now, "exp": now + 600,
                                                    "jti": str(uuid.uuid4()), "software_statement": statement}
        answer = self.http.post(self.ready["registration_endpoint"], self.sign(request), headers={"Content-Type": "application/jwt"})
        client, expect = json.loads(answer.text or "{}"), vector["expect"]
        compare(vector, [expect["status"], expect.get("wire")], [answer.status_code, client.get("error")])
        if "client_id" in client: compare(vector, "deleted: 204", f"deleted: {self.delete(client, now)}")

    def delete(self, client, now):  # with a token of its own
        endpoint, form = self.ready["token_endpoint"], {"grant_type": "client_credentials", "client_id": client["client_id"]}
        if client["token_endpoint_auth_method"] == "private_key_jwt":
            proof = {"iss": client["client_id"], "sub": client["client_id"], "aud": endpoint, "jti": str(uuid.uuid4()), "iat": now, "exp": now + 60}
            form |= {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": self.sign(proof)}
        token = self.http.post(endpoint, data=form).json().get("access_token")
        address = self.ready["registration_endpoint"] + "/" + client["client_id"]
        return self.http.delete(address, headers={"Authorization": f"Bearer {token}"}).status_code

for sandbox in map(Sandbox, sandboxes):
    for vector in vectors.values():
        if vector["live"] and (vector["profile"], vector.get("policy")) == (sandbox.ready["profile"], sandbox.policy):
            sandbox.play(vector)
            played += 1
            time.sleep(0.03)  # a sandbox takes 100 requests a second

live = sum(vector["live"] for vector in vectors.values())
print(*differences, f"{judged} of {index['count']} judged, {played} of {live} live ones played, {len(differences)} differences", sep="\n")
sys.exit(1 if differences or judged != index["count"] else 0)
