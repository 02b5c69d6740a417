// SPDX-License-Identifier: Apache-2.0
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.flink.api.java.tuple.Tuple;
import org.apache.flink.api.java.tuple.Tuple1;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;

/** Prints "type TAB value as weir's JSON TAB hashCode": tests/golden/java-hashes.txt. See tests/golden/README.md. */
public final class JavaHashes {
    private static final Random R = new Random(20240601);

    public static void main(String[] args) {
        for (boolean b : new boolean[] {true, false}) line("boolean", b);
        for (int i : new int[] {0, 1, -1, 127, -128}) line("int8", (byte) i);
        for (int i : new int[] {0, 1, -1, 32767, -32768, 300}) line("int16", (short) i);
        for (int i : new int[] {0, 'A', 0xe9, 0x20ac, 0xd83d, 0xffff}) line("char", (char) i);
        for (int i : new int[] {0, 1, -1, Integer.MAX_VALUE, Integer.MIN_VALUE}) line("int32", i);
        for (long i : new long[] {0, 1, -1, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 32, -(1L << 31)}) line("int64", i);
        for (float f : new float[] {0f, -0f, 1f, -1.5f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.MIN_VALUE, 123.456f}) line("float", f);
        for (double d : new double[] {0d, -0d, 1d, -1.5d, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.MIN_VALUE, Double.MAX_VALUE, 0.1}) line("double", d);
        for (String s : new String[] {"", "a", "JFK", "Zürich", "€", "😀", "\ud83d", "\ude00\ud83d", "\0", "a long enough text that does not fit into sixteen bytes"}) line("string", s);
        for (long ms : new long[] {0, 1, -1, 999, 1000, -1000, -1001, 1582980990500L, -62135596800000L, 253402300799999L}) line("timestamp", Instant.ofEpochMilli(ms));
        for (long w : new long[] {0, 1000, -3600000, 1582980990500L, Long.MAX_VALUE - 1}) line("window", new TimeWindow(w, w + 1));
        for (int i = 0; i < 12; i++) {
            line("int32", R.nextInt());
            line("int64", R.nextLong());
            line("float", Math.round(R.nextFloat() * 10000) / 100f);
            line("double", Math.round(R.nextDouble() * 1e8) / 1e4);
            line("string", text());
            line("timestamp", Instant.ofEpochMilli(R.nextLong() >> 16));
            line("window", new TimeWindow(R.nextLong() >> 16, R.nextLong() >> 16));
            line("tuple<string>", new Tuple1<>(text()));
            line("tuple<string,int32>", new Tuple2<>(text(), R.nextInt()));
            line("tuple<int64,string,boolean>", new Tuple3<>(R.nextLong(), i == 3 ? null : text(), R.nextBoolean()));
            line("tuple<tuple<string,int32>,double>", new Tuple2<>(new Tuple2<>(text(), R.nextInt()), R.nextDouble() > 0.5 ? 0.25 : 1e300));
            line("tuple<list<int32>,window>", new Tuple2<>(ints(), new TimeWindow(i, 2L * i)));
            line("list<int32>", ints());
            line("list<string>", texts());
            line("list<list<int32>>", List.of(ints(), ints()));
            line("map<string,int32>", map());
            line("row<int32,string>", row(R.nextInt(), text()));
            line("row<int32,string>", row(null, i % 2 == 0 ? null : text()));
            line("row<int64,list<string>,map<string,int32>>", row(R.nextLong(), texts(), i % 4 == 0 ? null : map()));
            line("row<tuple<string,list<int32>>,boolean,timestamp>", row(new Tuple2<>(text(), ints()), R.nextBoolean(), Instant.ofEpochMilli(R.nextInt())));
            line("row<row<int32,list<int32>>,bytes,double>", row(row(R.nextInt(), ints()), bytes(), R.nextInt(100) / 8.0));
            line("list<row<int32,string>>", List.of(row(1, text()), row(null, null)));
        }
    }

    private static void line(String type, Object v) {
        System.out.println(type + "\t" + json(v) + "\t" + v.hashCode());
    }

    private static Row row(Object... fields) {
        Row r = Row.of(fields);
        r.setKind(RowKind.values()[R.nextInt(4)]);
        return r;
    }

    private static String text() {
        String alphabet = "abcdefghijklmnopqrstuvwxyzABC 0123456789-éßΩ€中\ufffd";
        StringBuilder b = new StringBuilder();
        for (int i = R.nextInt(18); i > 0; i--) b.append(R.nextInt(12) == 0 ? "😀" : "" + alphabet.charAt(R.nextInt(alphabet.length())));
        return b.toString();
    }

    private static List<String> texts() {
        List<String> l = new ArrayList<>();
        for (int i = R.nextInt(4); i > 0; i--) l.add(text());
        return l;
    }

    private static List<Integer> ints() {
        List<Integer> l = new ArrayList<>();
        for (int i = R.nextInt(5); i > 0; i--) l.add(R.nextInt());
        return l;
    }

    private static Map<String, Integer> map() {
        Map<String, Integer> m = new HashMap<>();
        for (int i = R.nextInt(5); i > 0; i--) m.put(text(), R.nextInt(4) == 0 ? null : R.nextInt());
        return m;
    }

    private static byte[] bytes() {
        byte[] b = new byte[R.nextInt(20)];
        R.nextBytes(b);
        return b;
    }

    private static String json(Object v) {
        StringBuilder b = new StringBuilder();
        if (v == null || v instanceof Boolean) return "" + v;
        if (v instanceof Float || v instanceof Double) {
            double d = ((Number) v).doubleValue();
            return Double.isNaN(d) || Double.isInfinite(d) ? '"' + v.toString() + '"' : v.toString();
        }
        if (v instanceof Number) return v.toString();
        if (v instanceof Tuple) {
            for (int i = 0; i < ((Tuple) v).getArity(); i++) b.append(i == 0 ? "" : ",").append(json(((Tuple) v).getField(i)));
            return "[" + b + "]";
        }
        if (v instanceof List) {
            for (Object o : (List<?>) v) b.append(b.length() == 0 ? "" : ",").append(json(o));
            return "[" + b + "]";
        }
        if (v instanceof Map) {
            for (Map.Entry<?, ?> e : ((Map<?, ?>) v).entrySet()) b.append(b.length() == 0 ? "" : ",").append("[" + json(e.getKey()) + "," + json(e.getValue()) + "]");
            return "[" + b + "]";
        }
        if (v instanceof Row) {
            Row r = (Row) v;
            for (int i = 0; i < r.getArity(); i++) b.append(i == 0 ? "" : ",").append(json(r.getField(i)));
            return "{\"row\":\"" + r.getKind().shortString() + "\",\"f\":[" + b + "]}";
        }
        if (v instanceof TimeWindow) return "{\"start\":" + ((TimeWindow) v).getStart() + ",\"end\":" + ((TimeWindow) v).getEnd() + "}";
        if (v instanceof byte[]) {
            for (byte x : (byte[]) v) b.append(String.format("%02x", x));
            return "{\"hex\":\"" + b + "\"}";
        }
        for (char c : v.toString().toCharArray())
            if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') b.append(String.format("\\u%04x", (int) c));
            else b.append(c);
        return '"' + b.toString() + '"';
    }
}
