// SPDX-License-Identifier: Apache-2.0
import java.security.MessageDigest;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;

/**
 * Key groups of 100,000 random keys of each key type, by Flink's own class: prints "type maxParallelism sha256", the sum being over
 * the key groups in decimal, one a line. tests/unit/type/test_java_hash.c draws the same keys (base/rng.h: splitmix64).
 */
public final class KeyGroups {
    private static final int[] MAX_PARALLELISM = {128, 32768, 1000};
    private long state;

    private long next() {
        long z = state += 0x9e3779b97f4a7c15L;
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }

    /** The high 64 bits of the unsigned product, n positive. */
    private int below(int n) {
        long z = next();
        return (int) (Math.multiplyHigh(z, n) + (z < 0 ? n : 0));
    }

    private String text() {
        int n = below(24);
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < n; i++) {
            int k = below(20);
            if (k < 16) b.append((char) (0x20 + below(95)));
            else if (k == 16) b.append((char) below(0x800));
            else if (k == 17) b.append((char) (0x4e00 + below(0x1000)));
            else b.appendCodePoint(0x1f300 + below(0x300));
        }
        return b.toString();
    }

    private Object key(String type) {
        switch (type) {
            case "int32": return (int) next();
            case "int64": return next();
            case "string": return text();
            default: {
                String s = text();
                return Tuple2.of(s, (int) next());
            }
        }
    }

    public static void main(String[] args) throws Exception {
        int count = args.length > 0 ? Integer.parseInt(args[0]) : 100000;
        long seed = 1;
        for (String type : new String[] {"int32", "int64", "string", "tuple<string,int32>"}) {
            for (int max : MAX_PARALLELISM) {
                KeyGroups g = new KeyGroups();
                g.state = seed++;
                StringBuilder b = new StringBuilder();
                for (int i = 0; i < count; i++) b.append(KeyGroupRangeAssignment.assignToKeyGroup(g.key(type), max)).append('\n');
                StringBuilder hex = new StringBuilder();
                for (byte x : MessageDigest.getInstance("SHA-256").digest(b.toString().getBytes("US-ASCII"))) hex.append(String.format("%02x", x));
                System.out.println(type + " " + max + " " + hex);
            }
        }
    }
}
