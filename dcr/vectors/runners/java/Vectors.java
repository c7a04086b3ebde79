import static nl.altindag.ssl.util.CertificateUtils.loadCertificate;
import com.fasterxml.jackson.databind.*;
import com.nimbusds.jose.*;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.RSAKey;
import java.io.File;
import java.util.*;
import kong.unirest.core.Unirest;
import nl.altindag.ssl.SSLFactory;

/** Judges the signed vectors by obdcr lint, and plays the live ones: Vectors OBDCR FOLDER [SANDBOX...] */
class Vectors {
    static final ObjectMapper JSON = new ObjectMapper();
    static final List<String> DIFFERENCES = new ArrayList<>(), FOUND = List.of("valid", "rules", "warnings", "wire");
    public static void main(String[] args) throws Exception {
        Thread.setDefaultUncaughtExceptionHandler((at, e) -> System.err.println(at.getName() + ": " + e));
        JsonNode index = JSON.readTree(new File(args[1], "index.json"));
        if (index.get("version").asInt() != 1) throw new Exception("vectors are of version " + index.get("version"));
        JsonNode reports = JSON.readTree(new ProcessBuilder(args[0], "lint", "-o", "json", args[1] + "/vectors")
            .redirectError(ProcessBuilder.Redirect.INHERIT).start().getInputStream());
        List<JsonNode> live = new ArrayList<>();
        for (JsonNode report : reports) {
            JsonNode vector = JSON.readTree(new File(report.get("file").asText())), want = vector.get("expect");
            for (String m : FOUND) compare(vector, want.get(m), report.path("found").get(m));
            if (vector.get("live").asBoolean()) live.add(vector);
        }
        int played = 0;
        for (String at : Arrays.asList(args).subList(2, args.length)) {
            Thread.currentThread().setName("cannot use the sandbox " + at);
            JsonNode bank = JSON.readTree(new File(at, "ready.json"));
            RSAKey key = RSAKey.parse(JSON.readTree(new File(at, "tpp/signing.jwk.json")).toString());
            JWSHeader header = new JWSHeader.Builder(JWSAlgorithm.PS256).keyID(key.getKeyID()).build();
            var me = SSLFactory.builder().withTrustMaterial(loadCertificate(new File(at, "ca.pem").toPath()))
                .withIdentityMaterial(new File(at, "tpp/transport.p12").toPath(), "sandbox".toCharArray()).build();
            Unirest.config().reset().sslContext(me.getSslContext()).setDefaultHeader("Content-Type", "application/jwt");
            for (JsonNode vector : live) {
                if (!List.of("profile", "policy").stream().allMatch(m -> vector.path(m).equals(bank.path(m)))) continue;
                Thread.sleep(30); // a sandbox takes 100 requests a second
                var claims = Unirest.post(bank.get("directory").asText() + "/vector").body("" + vector).asString();
                if (!claims.isSuccess()) throw new Exception(vector.get("name") + ": " + claims.getBody());
                JWSObject token = new JWSObject(header, new Payload(claims.getBody())); // for the sandbox's own TPP
                token.sign(new RSASSASigner(key));
                var got = Unirest.post(bank.get("registration_endpoint").asText()).body(token.serialize()).asString();
                JsonNode body = JSON.readTree(got.getBody()), want = vector.get("expect");
                compare(vector, want.get("status") + " " + want.get("wire"), got.getStatus() + " " + body.get("error"));
                String id = body.path("client_id").asText();
                List<String> delete = List.of(args[0], "delete", id, "--config", at + "/conformance.json");
                if (!id.isEmpty()) compare(vector, "exit 0", "exit " + new ProcessBuilder(delete).start().waitFor());
                played++;
            }
        }
        DIFFERENCES.forEach(System.out::println);
        System.out.printf("%d of %s judged, %d of %d live ones played, %d differences%n", reports.size(),
            index.get("count"), played, live.size(), DIFFERENCES.size());
        System.exit(DIFFERENCES.isEmpty() && reports.size() == index.get("count").asInt() ? 0 : 1);
    }
    static void compare(JsonNode vector, Object want, Object got) { // null is that of JSON too
        if (!("" + want).equals("" + got)) DIFFERENCES.add(vector.get("name") + ": expected " + want + ", got " + got);
    }
}
