import com.google.gson.*;
import java.nio.file.Path;
import java.util.*;

/**
 * Judges the signed vectors by obdcr lint, and plays the live ones against sandboxes that run.
 *
 * <pre>java Vectors OBDCR FOLDER [SANDBOX[=POLICY]...]   the command; the folder of the vectors; the folder of each sandbox, and
 *                                                   the file with its policy where it has not the profile's default one</pre>
 */
public class Vectors {
    static final List<String> DIFFERENCES = new ArrayList<>();

    public static void main(String[] args) throws Exception {
        String obdcr = args[0], folder = args[1];
        JsonObject index = Sandbox.read(Path.of(folder, "index.json"));
        int version = index.get("version").getAsInt(), count = index.get("count").getAsInt(), played = 0;
        if (version != 1) throw new Exception("the vectors are of version " + version + ", this runner knows version 1");
        Map<String, JsonObject> vectors = new LinkedHashMap<>();
        for (JsonElement line : index.getAsJsonArray("vectors")) {
            String file = text(line.getAsJsonObject(), "file");
            vectors.put(file, Sandbox.read(Path.of(folder, file)));
        }

        Process lint = new ProcessBuilder(obdcr, "lint", "-o", "json", folder + "/vectors").redirectError(ProcessBuilder.Redirect.INHERIT).start();
        JsonArray reports = JsonParser.parseReader(lint.inputReader()).getAsJsonArray();
        for (JsonElement report : reports) {
            Path file = Path.of(folder).relativize(Path.of(text(report.getAsJsonObject(), "file")));
            judge(vectors.get(file.toString().replace('\\', '/')), report.getAsJsonObject());
        }

        for (String at : Arrays.asList(args).subList(2, args.length)) {
            Sandbox sandbox = new Sandbox(at.split("=")[0], at.contains("=") ? Sandbox.read(Path.of(at.split("=")[1])) : null);
            for (JsonObject vector : vectors.values()) {
                if (!sandbox.takes(vector)) continue;
                new Live(sandbox, vector).play();
                Thread.sleep(30); // a sandbox takes 100 requests a second
                played++;
            }
        }

        DIFFERENCES.forEach(System.out::println);
        long live = vectors.values().stream().filter(vector -> vector.get("live").getAsBoolean()).count();
        System.out.printf("%d of %d judged, %d of %d live ones played, %d differences%n", reports.size(), count, played, live, DIFFERENCES.size());
        System.exit(DIFFERENCES.isEmpty() && reports.size() == count ? 0 : 1);
    }

    static void judge(JsonObject vector, JsonObject report) {
        Map<String, Set<String>> rules = Map.of("error", new TreeSet<>(), "warning", new TreeSet<>(), "notice", new TreeSet<>());
        for (JsonElement v : report.getAsJsonArray("violations")) {
            rules.get(text(v.getAsJsonObject(), "severity")).add(text(v.getAsJsonObject(), "rule"));
        }
        JsonObject expect = vector.getAsJsonObject("expect"), wire = report.get("wire").isJsonNull() ? new JsonObject() : report.getAsJsonObject("wire");
        compare(vector, List.of(expect.get("valid"), text(expect, "wire"), expect.get("rules"), expect.get("warnings")),
            List.of(report.get("valid"), text(wire, "error"), Sandbox.GSON.toJsonTree(rules.get("error")), Sandbox.GSON.toJsonTree(rules.get("warning"))));
    }

    static void compare(JsonObject vector, List<?> expected, List<?> got) {
        if (!expected.equals(got)) DIFFERENCES.add(text(vector, "name") + ": expected " + expected + ", got " + got);
    }

    static String text(JsonObject of, String member) { // empty where the member is missing or null
        return of.has(member) && !of.get(member).isJsonNull() ? of.get(member).getAsString() : "";
    }
}
