// SPDX-License-Identifier: Apache-2.0
// Prints tests/golden/old-snapshots.txt: serializer snapshots as Flink 1.6 and 1.7 wrote them. One line each: what it is, "proxy" (i32 1 or 2 and
// the snapshot) or "list" (serializers with their configurations), the bytes as hex, a value as hex. Compile and run it against flink-core of the release.
import java.io.ByteArrayOutputStream;
import java.util.*;
import org.apache.flink.api.common.typeinfo.*;
import org.apache.flink.api.common.typeutils.*;
import org.apache.flink.api.common.typeutils.base.*;
import org.apache.flink.api.common.typeutils.base.array.*;
import org.apache.flink.api.java.tuple.*;
import org.apache.flink.api.java.typeutils.*;
import org.apache.flink.api.java.typeutils.runtime.*;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.core.memory.*;
import org.apache.flink.types.*;

public class OldSnapshots {
    static String hex(byte[] a) {
        StringBuilder b = new StringBuilder();
        for (byte x : a) b.append(String.format("%02x", x));
        return b.toString();
    }

    interface Writer { void write(DataOutputView out) throws Exception; }

    static String bytes(Writer w) throws Exception {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        w.write(new DataOutputViewStreamWrapper(b));
        return hex(b.toByteArray());
    }

    public static class P {
        public int a;
        public String b;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static void line(String what, TypeSerializer s, Object v) throws Exception {
        String value = v == null ? "" : bytes(out -> s.serialize(v, out));

        System.out.println(VERSION + " " + what + "\tproxy\t" + bytes(out -> writeConfig(out, s)) + "\t" + value);
        System.out.println(VERSION + " " + what + "\tlist\t" + bytes(out -> writeList(out, s)) + "\t" + value);
    }

    static String VERSION;

    static Object call(String name, Object... args) throws Exception {
        for (java.lang.reflect.Method m : TypeSerializerSerializationUtil.class.getMethods())
            if (m.getName().equals(name)) return m.invoke(null, args);
        for (java.lang.reflect.Method m : Class.forName("org.apache.flink.api.common.typeutils.TypeSerializerSnapshotSerializationUtil").getMethods())
            if (m.getName().equals(name)) return m.invoke(null, args);
        throw new IllegalStateException(name);
    }

    static void writeConfig(DataOutputView out, TypeSerializer<?> s) throws Exception {
        if (VERSION.equals("1.6")) call("writeSerializerConfigSnapshot", out, s.snapshotConfiguration());
        else call("writeSerializerSnapshot", out, s.snapshotConfiguration(), s);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static void writeList(DataOutputView out, TypeSerializer<?> s) throws Exception {
        List pairs = new ArrayList();
        pairs.add(Tuple2.of(s, s.snapshotConfiguration()));
        pairs.add(Tuple2.of(IntSerializer.INSTANCE, IntSerializer.INSTANCE.snapshotConfiguration()));
        call("writeSerializersAndConfigsWithResilience", out, pairs);
    }

    public static void main(String[] args) throws Exception {
        VERSION = args[0];
        ExecutionConfig c = new ExecutionConfig();
        line("int", IntSerializer.INSTANCE, 5);
        line("string", StringSerializer.INSTANCE, "abc");
        line("bytes", BytePrimitiveArraySerializer.INSTANCE, new byte[] {1, 2});
        line("list", new ListSerializer<>(StringSerializer.INSTANCE), Arrays.asList("a", "b"));
        line("map", new MapSerializer<>(StringSerializer.INSTANCE, LongSerializer.INSTANCE), Collections.singletonMap("k", 5L));
        line("tuple", new TupleTypeInfo<>(BasicTypeInfo.STRING_TYPE_INFO, BasicTypeInfo.INT_TYPE_INFO).createSerializer(c), Tuple2.of("a", 1));
        line("nested tuple", new TupleTypeInfo<>(BasicTypeInfo.STRING_TYPE_INFO, new TupleTypeInfo<>(BasicTypeInfo.LONG_TYPE_INFO, BasicTypeInfo.BOOLEAN_TYPE_INFO)).createSerializer(c),
                Tuple2.of("a", Tuple2.of(5L, true)));
        line("row", new RowTypeInfo(BasicTypeInfo.INT_TYPE_INFO, BasicTypeInfo.STRING_TYPE_INFO).createSerializer(c), Row.of(7, null));
        line("either", new EitherTypeInfo<>(BasicTypeInfo.STRING_TYPE_INFO, BasicTypeInfo.INT_TYPE_INFO).createSerializer(c), Either.Left("a"));
        line("array", new GenericArraySerializer<>(Integer.class, IntSerializer.INSTANCE), new Integer[] {5, null});
        line("pojo", TypeInformation.of(P.class).createSerializer(c), null);
        line("kryo", TypeInformation.of(Object.class).createSerializer(c), null);
        line("list of pojos", new ListSerializer<>(TypeInformation.of(P.class).createSerializer(c)), null);
    }
}
