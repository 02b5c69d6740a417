// SPDX-License-Identifier: Apache-2.0
// Prints tests/golden/sql-values.txt: values that Flink's SQL serializers wrote. One line each: what it is, the serializer's snapshot (PROXY) and
// the value as hex, the value as JSON by the rules of docs/formats/json.md (by the class Values of the checker), its hashCode after being read back.
// CP=$FLINK/lib/*:$CHECKER/*; javac -cp "$CP" -d /tmp/h tests/interop/SqlValues.java; java --add-opens java.base/java.util=ALL-UNNAMED
// --add-opens java.base/java.lang=ALL-UNNAMED -cp "$CP:/tmp/h" SqlValues
import java.io.ByteArrayOutputStream;
import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.time.*;
import java.util.*;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.common.typeutils.*;
import org.apache.flink.api.common.typeutils.base.*;
import org.apache.flink.core.memory.*;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.*;
import org.apache.flink.table.data.binary.*;
import org.apache.flink.table.data.writer.*;
import org.apache.flink.table.dataview.*;
import org.apache.flink.table.runtime.operators.window.*;
import org.apache.flink.table.runtime.typeutils.*;
import org.apache.flink.table.runtime.util.WindowKey;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.*;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;

public class SqlValues {
    static Method values, json;

    static String hex(byte[] a) {
        StringBuilder b = new StringBuilder();
        for (byte x : a) b.append(String.format("%02x", x));
        return b.toString();
    }

    interface Writer { void write(DataOutputView out) throws Exception; }

    static byte[] bytes(Writer w) throws Exception {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        w.write(new DataOutputViewStreamWrapper(b));
        return b.toByteArray();
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static void line(String what, TypeSerializer s, Object v) throws Exception {
        byte[] snapshot = bytes(out -> {
            out.writeInt(2);
            TypeSerializerSnapshot.writeVersionedSnapshot(out, s.snapshotConfiguration());
        });
        byte[] value = bytes(out -> s.serialize(v, out));
        DataInputDeserializer in = new DataInputDeserializer(snapshot);
        in.readInt();
        TypeSerializer restored = TypeSerializerSnapshot.readVersionedSnapshot(in, SqlValues.class.getClassLoader()).restoreSerializer();
        Object back = restored.deserialize(new DataInputDeserializer(value));
        String text = (String) json.invoke(null, values.invoke(null, back, restored));
        System.out.println(what + "\t" + hex(snapshot) + "\t" + hex(value) + "\t" + text + "\t" + (back == null ? 0 : back.hashCode()));
    }

    static RowData row(Object... f) {
        return GenericRowData.of(f);
    }

    static StringData s(String t) {
        return StringData.fromString(t);
    }

    static DecimalData d(String t, int p, int scale) {
        return DecimalData.fromBigDecimal(new BigDecimal(t), p, scale);
    }

    static Map<Object, Object> map(Object... kv) {
        Map<Object, Object> m = new LinkedHashMap<>();
        for (int i = 0; i < kv.length; i += 2) m.put(kv[i], kv[i + 1]);
        return m;
    }

    static RowDataSerializer rows(LogicalType... types) {
        return new RowDataSerializer(types);
    }

    static LogicalType t(DataType t) {
        return t.getLogicalType();
    }

    public static class Point { // a structured type
        public int x;
        public String name;
        public Point() {}
        public Point(int x, String name) { this.x = x; this.name = name; }
    }

    static void rowValues() throws Exception {
        line("numbers", rows(new BooleanType(), new TinyIntType(), new SmallIntType(), new IntType(), new BigIntType(), new FloatType(), new DoubleType()),
                row(true, (byte) -1, (short) -2, -3, -4L, 1.5f, -1.5e300));
        line("all null", rows(new BooleanType(), new TinyIntType(), new SmallIntType(), new IntType(), new BigIntType(), new FloatType(), new DoubleType(),
                new VarCharType(VarCharType.MAX_LENGTH), new DecimalType(30, 2), new TimestampType(9), new ArrayType(new IntType())), new GenericRowData(11));
        line("no fields", rows(), new GenericRowData(0));
        GenericRowData u = GenericRowData.ofKind(RowKind.UPDATE_AFTER, 7, s("abcdefgh"));
        line("kind and long text", rows(new IntType(false), new VarCharType(10)), u);
        line("delete", rows(new IntType()), GenericRowData.ofKind(RowKind.DELETE, 7));
        line("texts", rows(new CharType(3), new VarCharType(7), new VarCharType(VarCharType.MAX_LENGTH), new VarCharType(VarCharType.MAX_LENGTH)),
                row(s("abc"), s(""), s("h\u00e9\u20ac\ud83d\ude00 \" \\ \n"), s("1234567")));
        line("bytes", rows(new BinaryType(2), new VarBinaryType(100), new VarBinaryType(VarBinaryType.MAX_LENGTH)),
                row(new byte[] {1, 2}, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9}, new byte[0]));
        line("decimals", rows(new DecimalType(10, 2), new DecimalType(20, 2), new DecimalType(38, 38), new DecimalType(38, 0), new DecimalType(18, 18), new DecimalType(5, 5), new DecimalType(20, 4)),
                row(d("12.34", 10, 2), d("-12.34", 20, 2), d("0.00000000000000000000000000000000000001", 38, 38), d("-99999999999999999999999999999999999999", 38, 0),
                        d("-0.000000000000000001", 18, 18), d("0", 5, 5), null));
        line("timestamps", rows(new TimestampType(3), new TimestampType(6), new LocalZonedTimestampType(9), new LocalZonedTimestampType(3), new TimestampType(0)),
                row(TimestampData.fromEpochMillis(1001), TimestampData.fromEpochMillis(-1001, 5000), TimestampData.fromEpochMillis(1001, 5),
                        TimestampData.fromEpochMillis(60000), TimestampData.fromLocalDateTime(LocalDateTime.of(12345, 1, 2, 3, 4))));
        line("timestamp attributes", rows(new TimestampType(true, TimestampKind.ROWTIME, 3), new LocalZonedTimestampType(false, TimestampKind.PROCTIME, 3)),
                row(TimestampData.fromEpochMillis(1001), null));
        line("dates", rows(new DateType(), new TimeType(0), new TimeType(3), new YearMonthIntervalType(YearMonthIntervalType.YearMonthResolution.YEAR_TO_MONTH),
                new DayTimeIntervalType(DayTimeIntervalType.DayTimeResolution.DAY_TO_SECOND)), row(18000, 3600000, 86399999, -13, -90061001L));
        line("containers", rows(new ArrayType(new IntType()), new RowType(Arrays.asList(new RowType.RowField("a", new IntType()))),
                new MapType(new VarCharType(5), new IntType()), new MultisetType(new VarCharType(9))),
                row(new GenericArrayData(new Object[] {1, null, 3}), row(9), new GenericMapData(map(s("k"), 5, s("a long key"), null)),
                        new GenericMapData(map(s("x"), 2))));
        line("nested", rows(new ArrayType(new ArrayType(new VarCharType(20))), new RowType(Arrays.asList(
                new RowType.RowField("f", new MapType(new IntType(), new RowType(Arrays.asList(new RowType.RowField("d", new DecimalType(25, 3)),
                        new RowType.RowField("t", new TimestampType(6)))))), new RowType.RowField("g", new BooleanType(false), "described")))),
                row(new GenericArrayData(new Object[] {new GenericArrayData(new Object[] {s("a"), s("longer than seven"), null}), null, new GenericArrayData(new Object[0])}),
                        row(new GenericMapData(map(1, row(d("1.5", 25, 3), TimestampData.fromEpochMillis(5, 6)), 2, null)), true)));
        line("arrays of each width", rows(new ArrayType(new BooleanType()), new ArrayType(new TinyIntType()), new ArrayType(new SmallIntType()), new ArrayType(new BigIntType()),
                new ArrayType(new FloatType()), new ArrayType(new DoubleType()), new ArrayType(new DateType()), new ArrayType(new DecimalType(20, 1)), new ArrayType(new TimestampType(6)), new ArrayType(new VarBinaryType(9))),
                row(new GenericArrayData(new Object[] {true, null, false}), new GenericArrayData(new Object[] {(byte) 1, (byte) -2, null}), new GenericArrayData(new Object[] {(short) 1, (short) -2, null}),
                        new GenericArrayData(new Object[] {1L, null}), new GenericArrayData(new Object[] {1.5f}), new GenericArrayData(new Object[] {Double.NaN, 1e10}), new GenericArrayData(new Object[] {-1}),
                        new GenericArrayData(new Object[] {d("1.5", 20, 1), null, d("-2", 20, 1)}), new GenericArrayData(new Object[] {TimestampData.fromEpochMillis(1, 2), null}),
                        new GenericArrayData(new Object[] {new byte[] {1}, new byte[] {1, 2, 3, 4, 5, 6, 7, 8}})));
        LogicalType[] many = new LogicalType[57];
        Arrays.fill(many, new TinyIntType());
        GenericRowData wide = new GenericRowData(57);
        for (int i = 0; i < 57; i += 4) wide.setField(i, (byte) i);
        line("fifty-seven fields", rows(many), wide);
        line("raw", rows(new RawType<>(Integer.class, IntSerializer.INSTANCE), new RawType<>(String.class, StringSerializer.INSTANCE),
                new ArrayType(new RawType<>(Long.class, LongSerializer.INSTANCE))), row(RawValueData.fromObject(5), RawValueData.fromObject("text"),
                new GenericArrayData(new Object[] {RawValueData.fromObject(7L), null})));
        line("structured", rows(t(DataTypes.STRUCTURED(Point.class, DataTypes.FIELD("x", DataTypes.INT()), DataTypes.FIELD("name", DataTypes.STRING())))), row(row(5, s("p"))));
    }

    static void parts() throws Exception {
        line("string", StringDataSerializer.INSTANCE, s("h\u00e9"));
        line("decimal 10", new DecimalDataSerializer(10, 2), d("12.34", 10, 2));
        line("decimal 20", new DecimalDataSerializer(20, 2), d("-12.34", 20, 2));
        line("decimal small", new DecimalDataSerializer(10, 9), d("0.000000001", 10, 9));
        line("timestamp 3", new TimestampDataSerializer(3), TimestampData.fromEpochMillis(1001));
        line("timestamp 6", new TimestampDataSerializer(6), TimestampData.fromEpochMillis(1001, 5));
        line("array", new ArrayDataSerializer(new IntType()), new GenericArrayData(new Object[] {1, null, 3}));
        line("array of text", new ArrayDataSerializer(new VarCharType(VarCharType.MAX_LENGTH)), new GenericArrayData(new Object[] {s("abcdefgh"), s("a")}));
        line("array of rows", new ArrayDataSerializer(new RowType(Arrays.asList(new RowType.RowField("a", new IntType()), new RowType.RowField("b", new VarCharType(9))))),
                new GenericArrayData(new Object[] {row(1, s("x")), row(null, s("longer than seven"))}));
        line("map", new MapDataSerializer(new VarCharType(VarCharType.MAX_LENGTH), new IntType()), new GenericMapData(map(s("k"), 5, s("a"), null)));
        line("map of arrays", new MapDataSerializer(new IntType(), new ArrayType(new BigIntType())), new GenericMapData(map(1, new GenericArrayData(new Object[] {5L}))));
        line("binary row", new BinaryRowDataSerializer(2), rows(new IntType(), new VarCharType(9)).toBinaryRow(row(1, s("abc"))));
        line("linked list", new LinkedListSerializer<>(StringSerializer.INSTANCE), new LinkedList<>(Arrays.asList("a", null, "c")));
        line("linked list of rows", new LinkedListSerializer<>(rows(new IntType())), new LinkedList<>(Arrays.asList(row(1), row(2))));
        TreeMap<Long, String> sorted = new TreeMap<>(Comparator.reverseOrder());
        sorted.put(9L, "nine");
        sorted.put(5L, null);
        line("sorted map", new SortedMapSerializer<>(new LongComparator(), LongSerializer.INSTANCE, StringSerializer.INSTANCE), sorted);
        line("window key", new WindowKeySerializer(rows(new IntType())), new WindowKey(5, rows(new IntType()).toBinaryRow(row(1))));
        org.apache.flink.table.api.dataview.ListView<String> list = new org.apache.flink.table.api.dataview.ListView<>();
        list.add("a");
        line("list view", new ListViewSerializer<>(new ListSerializer<>(StringSerializer.INSTANCE)), list);
        org.apache.flink.table.api.dataview.MapView<String, Integer> view = new org.apache.flink.table.api.dataview.MapView<>();
        view.put("a", 1);
        line("map view", new MapViewSerializer<>(new MapSerializer<>(StringSerializer.INSTANCE, IntSerializer.INSTANCE)), view);
        Map<String, Integer> nulls = new HashMap<>();
        nulls.put(null, 1);
        nulls.put("b", null);
        line("null-aware map", new NullAwareMapSerializer<>(StringSerializer.INSTANCE, IntSerializer.INSTANCE), nulls);
        line("null", NullSerializer.INSTANCE, null);
        line("time window", new TimeWindow.Serializer(), new TimeWindow(1000, 2000));
        try { // 2.0 and later
            Class<?> window = Class.forName("org.apache.flink.table.runtime.operators.window.GlobalWindow"), serializer = Class.forName(window.getName() + "$Serializer");
            line("global window", (TypeSerializer<?>) serializer.getConstructor().newInstance(), window.getMethod("get").invoke(null));
        } catch (ClassNotFoundException e) {
            // not there yet
        }
        line("count window", new CountWindow.Serializer(), new CountWindow(5));
    }

    static class LongComparator implements Comparator<Long>, java.io.Serializable {
        public int compare(Long a, Long b) { return Long.compare(b, a); }
    }

    static void external() throws Exception {
        line("external int", ExternalSerializer.of(DataTypes.INT()), 5);
        line("external text", ExternalSerializer.of(DataTypes.STRING()), "a\"b");
        line("external bytes", ExternalSerializer.of(DataTypes.BYTES()), new byte[] {1});
        line("external date", ExternalSerializer.of(DataTypes.DATE()), LocalDate.of(2001, 2, 3));
        line("external time", ExternalSerializer.of(DataTypes.TIME(3)), LocalTime.of(23, 59, 58, 120_000_000));
        line("external time, whole minute", ExternalSerializer.of(DataTypes.TIME()), LocalTime.of(3, 4));
        line("external timestamp", ExternalSerializer.of(DataTypes.TIMESTAMP(6)), LocalDateTime.of(2001, 2, 3, 4, 5, 6, 7000));
        line("external timestamp_ltz", ExternalSerializer.of(DataTypes.TIMESTAMP_LTZ(3)), Instant.ofEpochMilli(60000));
        line("external sql timestamp", ExternalSerializer.of(DataTypes.TIMESTAMP(3).bridgedTo(java.sql.Timestamp.class)), java.sql.Timestamp.valueOf("2001-02-03 04:05:06.5"));
        line("external decimal", ExternalSerializer.of(DataTypes.DECIMAL(20, 10)), new BigDecimal("0.0000000001"));
        line("external small decimal", ExternalSerializer.of(DataTypes.DECIMAL(10, 9)), new BigDecimal("-0.000000012"));
        line("external period", ExternalSerializer.of(DataTypes.INTERVAL(DataTypes.YEAR(4), DataTypes.MONTH())), Period.ofMonths(25));
        for (long ms : new long[] {0, 1500, -1500, -500, 90061001, 60000, -3600001})
            line("external duration " + ms, ExternalSerializer.of(DataTypes.INTERVAL(DataTypes.DAY(), DataTypes.SECOND(3))), Duration.ofMillis(ms));
        line("external row", ExternalSerializer.of(DataTypes.ROW(DataTypes.FIELD("a", DataTypes.INT()), DataTypes.FIELD("d", DataTypes.DATE()), DataTypes.FIELD("t", DataTypes.TIMESTAMP_LTZ(3)),
                DataTypes.FIELD("n", DataTypes.DECIMAL(10, 9)))), Row.of(1, LocalDate.of(2001, 2, 3), Instant.ofEpochMilli(1), new BigDecimal("0.000000001")));
        line("external array", ExternalSerializer.of(DataTypes.ARRAY(DataTypes.DATE())), new LocalDate[] {LocalDate.of(2001, 2, 3), null});
        line("external list", ExternalSerializer.of(DataTypes.ARRAY(DataTypes.STRING()).bridgedTo(List.class)), Arrays.asList("a", "b"));
        line("external map", ExternalSerializer.of(DataTypes.MAP(DataTypes.STRING(), DataTypes.DATE())), Map.of("k", LocalDate.of(2001, 2, 3)));
        line("external multiset", ExternalSerializer.of(DataTypes.MULTISET(DataTypes.STRING())), Map.of("k", 2));
        line("external raw", ExternalSerializer.of(DataTypes.RAW(Integer.class, IntSerializer.INSTANCE)), 5);
        line("external structured", ExternalSerializer.of(DataTypes.STRUCTURED(Point.class, DataTypes.FIELD("x", DataTypes.INT().notNull().bridgedTo(int.class)), DataTypes.FIELD("name", DataTypes.STRING()))), new Point(5, "p"));
        line("external boolean", ExternalSerializer.of(DataTypes.BOOLEAN()), true);
    }

    public static void main(String[] args) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        values = Class.forName("weir.oracle.Values").getDeclaredMethod("json", Object.class, TypeSerializer.class);
        json = Class.forName("weir.oracle.Json").getDeclaredMethod("of", Object.class);
        values.setAccessible(true);
        json.setAccessible(true);
        rowValues();
        parts();
        external();
    }
}
