import com.google.gson.*;
import java.net.http.HttpResponse;
import java.time.Instant;
import java.util.*;

/** One vector played against a sandbox: its claims, with the sandbox's software and the time of today, signed afresh. */
class Live {
    private static final Set<String> OWN = Set.of("iss", "iat", "exp", "jti", "software_environment", "software_mode", "software_id", "software_client_id",
        "org_id", "software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_endpoint", "org_jwks_revoked_endpoint"); // stay the sandbox's
    private final Sandbox sandbox;
    private final JsonObject vector;
    private final long now = Instant.now().getEpochSecond();

    Live(Sandbox sandbox, JsonObject vector) {
        this.sandbox = sandbox;
        this.vector = vector;
    }

    void play() throws Exception {
        JsonObject documents = vector.getAsJsonObject("documents"), expect = vector.getAsJsonObject("expect");
        JsonObject request = documents.getAsJsonObject("request").deepCopy();
        request.add("iss", sandbox.statement.get("software_id"));
        request.add("software_id", sandbox.statement.get("software_id"));
        request.add("aud", sandbox.ready.get("audience"));
        request.addProperty("iat", now);
        request.addProperty("exp", now + 600);
        request.addProperty("jti", UUID.randomUUID().toString());
        request.addProperty("software_statement", statement(documents.getAsJsonObject("ssa")));
        HttpResponse<String> answer = sandbox.send("POST", sandbox.registration, "Content-Type", "application/jwt", sandbox.sign(request));
        JsonObject client = answer.body().isEmpty() ? new JsonObject() : JsonParser.parseString(answer.body()).getAsJsonObject();
        Vectors.compare(vector, List.of(expect.get("status").getAsInt(), Vectors.text(expect, "wire")),
            List.of(answer.statusCode(), Vectors.text(client, "error")));
        if (client.has("client_id")) Vectors.compare(vector, List.of("deleted", 204), List.of("deleted", delete(client)));
    }

    private String statement(JsonObject claims) throws Exception {
        JsonObject changes = new JsonObject();
        sandbox.statement.keySet().forEach(name -> changes.add(name, JsonNull.INSTANCE)); // removes what the vector lacks
        claims.asMap().forEach(changes::add);
        OWN.forEach(changes::remove);
        return sandbox.send("POST", Vectors.text(sandbox.ready, "directory") + "/ssa", "Content-Type", "application/json", Sandbox.GSON.toJson(changes)).body();
    }

    private int delete(JsonObject client) throws Exception { // with a token of its own
        String id = Vectors.text(client, "client_id"), form = "grant_type=client_credentials&client_id=" + id;
        if (Vectors.text(client, "token_endpoint_auth_method").equals("private_key_jwt")) {
            var proof = Map.of("iss", id, "sub", id, "aud", sandbox.token, "jti", UUID.randomUUID().toString(), "iat", now, "exp", now + 60);
            form += "&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=" + sandbox.sign(proof);
        }
        String answer = sandbox.send("POST", sandbox.token, "Content-Type", "application/x-www-form-urlencoded", form).body();
        String token = Vectors.text(JsonParser.parseString(answer).getAsJsonObject(), "access_token");
        return sandbox.send("DELETE", sandbox.registration + "/" + id, "Authorization", "Bearer " + token, "").statusCode();
    }
}
