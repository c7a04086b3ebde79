# Judges the signed vectors by obdcr lint, and plays the live ones against sandboxes that run.
#   python vectors.py OBDCR FOLDER [SANDBOX...]    the command, the folder of the vectors, the folder of each sandbox
import json, pathlib, subprocess, sys, time
import jwt, requests

def read(*name):
    return json.loads(pathlib.Path(*name).read_bytes())

def compare(vector, expected, got):
    if expected != got:
        differences.append(f"{vector['name']}: expected {expected}, got {got}")

class Sandbox:
    def __init__(self, at):
        self.at, self.ready, self.key = at, read(at, "ready.json"), jwt.PyJWK(read(at, "tpp/signing.jwk.json"))
        self.http = requests.Session()
        self.http.trust_env = False  # REQUESTS_CA_BUNDLE would replace verify
        self.http.verify, self.http.cert = f"{at}/ca.pem", (f"{at}/tpp/transport.pem", f"{at}/tpp/transport.key")

    def takes(self, vector):
        return (vector["profile"], vector.get("policy")) == (self.ready["profile"], self.ready.get("policy"))

    def play(self, vector):
        time.sleep(0.03)  # a sandbox takes 100 requests a second
        made = self.http.post(self.ready["directory"] + "/vector", json=vector)  # its claims for the TPP here, now
        made.raise_for_status()
        token = jwt.encode(made.json(), self.key, headers={"kid": self.key.key_id})
        answer = self.http.post(self.ready["registration_endpoint"], token, headers={"Content-Type": "application/jwt"})
        client, expect = json.loads(answer.text or "{}"), vector["expect"]
        compare(vector, [expect["status"], expect.get("wire")], [answer.status_code, client.get("error")])
        if "client_id" in client:
            delete = [obdcr, "delete", client["client_id"], "--config", f"{self.at}/conformance.json"]
            compare(vector, "deleted: 0", f"deleted: {subprocess.run(delete, capture_output=True).returncode}")

obdcr, folder, *sandboxes = sys.argv[1:]
differences, played, step = [], 0, f"the vectors in {folder}"
try:
    index = read(folder, "index.json")
    if index["version"] != 1:
        raise ValueError(f"they are of version {index['version']}, this runner knows version 1")
    vectors = {line["name"]: read(folder, line["file"]) for line in index["vectors"]}
    live = [vector for vector in vectors.values() if vector["live"]]
    step = f"the command {obdcr}"
    lint = subprocess.run([obdcr, "lint", "-o", "json", f"{folder}/vectors"], stdout=subprocess.PIPE)
    reports = [report for report in json.loads(lint.stdout) if "found" in report]  # others could not be judged
    for vector, found in [(vectors[report["vector"]], report["found"]) for report in reports]:
        for member in ("valid", "rules", "warnings", "wire"):
            compare(vector, vector["expect"].get(member), found.get(member))
    for at in sandboxes:
        step = f"the sandbox {at}"
        sandbox = Sandbox(at)
        for vector in filter(sandbox.takes, live):
            step = f"the sandbox {at} for {vector['name']}"
            sandbox.play(vector)
            played += 1
except (OSError, ValueError, KeyError) as error:  # the errors of requests and of JSON are among them
    sys.exit(f"cannot use {step}: {error}")
counts = f"{len(reports)} of {index['count']} judged, {played} of {len(live)} live ones played"
print(*differences, f"{counts}, {len(differences)} differences", sep="\n")
sys.exit(1 if differences or len(reports) != index["count"] else 0)
