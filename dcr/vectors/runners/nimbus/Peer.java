import com.google.gson.*;
import com.nimbusds.jose.*;
import com.nimbusds.jose.crypto.*;
import com.nimbusds.jose.crypto.factories.DefaultJWSVerifierFactory;
import com.nimbusds.jose.jwk.*;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.proc.*;
import com.nimbusds.jwt.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.*;

/**
 * Verifies the signatures of all vectors, and signs requests, by the library Nimbus JOSE+JWT.
 *
 * <pre>Peer verify FOLDER          a line for each vector: name, verdict on the request, verdict on the statement
 * Peer sign SANDBOX FOLDER    writes PS256.jwt and ES256.jwt, each a request for the sandbox, and ES256.jwk.json</pre>
 */
class Peer {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("verify")) verify(Path.of(args[1]));
        else sign(Path.of(args[1]), Path.of(args[2]));
    }

    static void verify(Path folder) throws Exception {
        for (JsonElement line : read(folder.resolve("index.json")).getAsJsonArray("vectors")) {
            Path file = folder.resolve(line.getAsJsonObject().get("file").getAsString());
            JsonObject vector = read(file), keys = vector.getAsJsonObject("keys");
            String token = vector.has("jws") ? vector.get("jws").getAsString()
                : new String(Base64.getDecoder().decode(vector.get("jws_base64").getAsString()), StandardCharsets.ISO_8859_1);
            Path directory = file.resolveSibling(keys.get("directory").getAsString());
            Set<JWSAlgorithm> admitted = admitted(vector);
            String request = "-", statement = "-";
            if (vector.get("kind").getAsString().equals("statement")) statement = verdict(token, admitted, directory);
            else {
                request = verdict(token, admitted, file.resolveSibling(keys.get("software").getAsString()));
                Object inside = statementOf(token);
                if (inside instanceof String text) statement = verdict(text, admitted, directory);
            }
            System.out.println(vector.get("name").getAsString() + " " + request + " " + statement);
        }
    }

    static Set<JWSAlgorithm> admitted(JsonObject vector) { // by the bank's policy
        JsonObject policy = vector.has("policy") ? vector.getAsJsonObject("policy") : new JsonObject();
        if (!policy.has("signing_algorithms")) return Set.of(JWSAlgorithm.PS256, JWSAlgorithm.ES256);
        Set<JWSAlgorithm> named = new HashSet<>();
        policy.getAsJsonArray("signing_algorithms").forEach(alg -> named.add(JWSAlgorithm.parse(alg.getAsString())));
        return named;
    }

    static Object statementOf(String token) { // null where the token is no JWT, or has none
        try {
            return JWSObject.parse(token).getPayload().toJSONObject().get("software_statement");
        } catch (Exception none) {
            return null;
        }
    }

    static String verdict(String token, Set<JWSAlgorithm> admitted, Path keys) { // good, or bad with the library's reason
        try {
            JWSObject jws = JWSObject.parse(token);
            JWSKeySelector<SecurityContext> selector = new JWSVerificationKeySelector<>(admitted, (choose, context) -> choose.select(set(keys)));
            for (Key key : selector.selectJWSKeys(jws.getHeader(), null)) {
                if (jws.verify(new DefaultJWSVerifierFactory().createJWSVerifier(jws.getHeader(), key))) return "good";
            }
            return "bad:NoKeyFits";
        } catch (Exception refused) {
            return "bad:" + refused.getClass().getSimpleName();
        }
    }

    static JWKSet set(Path file) {
        try {
            return JWKSet.load(file.toFile());
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    static void sign(Path sandbox, Path folder) throws Exception {
        byte[] der = Base64.getMimeDecoder().decode(Files.readString(sandbox.resolve("tpp/signing.key")).replaceAll("-----[A-Z ]+-----", ""));
        PrivateKey rsa = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der));
        ECKey ec = new ECKeyGenerator(Curve.P_256).keyID("nimbus-ec").keyUse(KeyUse.SIGNATURE).algorithm(JWSAlgorithm.ES256).generate();
        Files.writeString(folder.resolve("ES256.jwk.json"), ec.toPublicJWK().toJSONString());
        JWTClaimsSet claims = SignedJWT.parse(Files.readString(sandbox.resolve("tpp/request.jwt"))).getJWTClaimsSet();
        String kid = Files.readString(sandbox.resolve("tpp/signing.kid"));
        write(folder, claims, JWSAlgorithm.PS256, kid, new RSASSASigner(rsa));
        write(folder, claims, JWSAlgorithm.ES256, "nimbus-ec", new ECDSASigner(ec));
    }

    static void write(Path folder, JWTClaimsSet claims, JWSAlgorithm alg, String kid, JWSSigner signer) throws Exception {
        JWSHeader header = new JWSHeader.Builder(alg).keyID(kid).type(JOSEObjectType.JWT).build();
        SignedJWT token = new SignedJWT(header, new JWTClaimsSet.Builder(claims).jwtID(UUID.randomUUID().toString()).build());
        token.sign(signer);
        Files.writeString(folder.resolve(alg + ".jwt"), token.serialize());
    }

    static JsonObject read(Path file) throws Exception { return JsonParser.parseString(Files.readString(file)).getAsJsonObject(); }
}
