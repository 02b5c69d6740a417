package jobs;

import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Start LIST: run the jobs of a list, one a line ("Delays --savepoint DIR ..."), each in a Flink of its own in this process that restores from --savepoint.
 * Prints "ok" or what went wrong for each.
 */
public final class Start {
    private Start() {}

    public static void main(String[] args) throws Exception {
        for (String line : Files.readAllLines(Paths.get(args[0]))) {
            String[] words = line.split(" ");
            Map<String, String> a = new HashMap<>();
            for (int i = 1; i + 1 < words.length; i += 2) a.put(words[i].substring(2), words[i + 1]);
            try {
                if (words[0].equals("Delays")) Delays.run(a);
                else Kinds.run(a);
                System.out.println("ok");
            } catch (Exception e) {
                Throwable t = e;
                StringBuilder why = new StringBuilder();
                for (; t != null; t = t.getCause()) why.append(t.getClass().getSimpleName()).append(": ").append(t.getMessage()).append(" <- ");
                System.out.println(why.toString().replace('\n', ' '));
            }
        }
        System.exit(0);
    }

    static StreamExecutionEnvironment environment(Map<String, String> a) {
        Configuration c = new Configuration();
        c.setString("execution.state-recovery.path", a.get("savepoint"));
        c.setString("execution.state-recovery.ignore-unclaimed-state", "true");
        c.setString("state.backend.type", a.getOrDefault("backend", "hashmap"));
        c.setString("restart-strategy.type", "none");
        c.setString("taskmanager.memory.network.min", "32m");
        c.setString("taskmanager.memory.network.max", "32m");
        c.setString("taskmanager.numberOfTaskSlots", "4");
        c.setString("execution.buffer-timeout.interval", "5ms");
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(Integer.parseInt(a.getOrDefault("parallelism", "1")), c);
        env.setMaxParallelism(Integer.parseInt(a.getOrDefault("maxp", "128")));
        return env;
    }

    static long time(String s) {
        return Instant.parse(s.replace('/', '-').replace(' ', 'T') + ":00Z").toEpochMilli();
    }
}
