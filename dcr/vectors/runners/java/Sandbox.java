import com.google.gson.*;
import java.io.*;
import java.net.URI;
import java.net.http.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.cert.CertificateFactory;
import java.security.spec.*;
import java.util.*;
import javax.net.ssl.*;

/** A sandbox that runs, given by its folder: addresses, keys, mutual TLS and PS256, by the JDK alone. */
class Sandbox {
    static final Gson GSON = new GsonBuilder().serializeNulls().create();
    final JsonObject ready, statement, policy;
    final String kid, registration, token;
    private final PrivateKey signing;
    private final HttpClient http;

    Sandbox(String at, JsonObject policy) throws Exception {
        Path folder = Path.of(at);
        this.policy = policy;
        ready = read(folder.resolve("ready.json"));
        statement = read(folder.resolve("tpp/ssa.json"));
        kid = Files.readString(folder.resolve("tpp/signing.kid"));
        registration = ready.get("registration_endpoint").getAsString();
        token = ready.get("token_endpoint").getAsString();
        char[] password = Files.readString(folder.resolve("tpp/p12.password")).trim().toCharArray();
        KeyStore keys = KeyStore.getInstance(folder.resolve("tpp/signing.p12").toFile(), password);
        signing = (PrivateKey) keys.getKey(keys.aliases().nextElement(), password);
        KeyManagerFactory transport = KeyManagerFactory.getInstance("PKIX");
        transport.init(KeyStore.getInstance(folder.resolve("tpp/transport.p12").toFile(), password), password);
        KeyStore authorities = KeyStore.getInstance("PKCS12");
        authorities.load(null, null);
        try (InputStream ca = Files.newInputStream(folder.resolve("ca.pem"))) {
            authorities.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(ca));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(authorities);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(transport.getKeyManagers(), trust.getTrustManagers(), null);
        http = HttpClient.newBuilder().sslContext(tls).build();
    }

    static JsonObject read(Path file) throws IOException { return JsonParser.parseString(Files.readString(file)).getAsJsonObject(); }

    boolean takes(JsonObject vector) {
        return vector.get("live").getAsBoolean() && vector.get("profile").equals(ready.get("profile")) && Objects.equals(vector.get("policy"), policy);
    }

    String sign(Object payload) throws Exception {
        String header = GSON.toJson(Map.of("alg", "PS256", "kid", kid, "typ", "JWT"));
        String text = encode(header.getBytes(StandardCharsets.UTF_8)) + "." + encode(GSON.toJson(payload).getBytes(StandardCharsets.UTF_8));
        Signature pss = Signature.getInstance("RSASSA-PSS");
        pss.setParameter(new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1)); // PS256
        pss.initSign(signing);
        pss.update(text.getBytes(StandardCharsets.UTF_8));
        return text + "." + encode(pss.sign());
    }

    static String encode(byte[] data) { return Base64.getUrlEncoder().withoutPadding().encodeToString(data); }

    HttpResponse<String> send(String method, String address, String header, String value, String body) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(address)).header(header, value);
        return http.send(request.method(method, HttpRequest.BodyPublishers.ofString(body)).build(), HttpResponse.BodyHandlers.ofString());
    }
}
