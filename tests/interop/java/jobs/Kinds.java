package jobs;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;
import weir.every;
import weir.item;
import weir.point;

/**
 * The process functions of kinds.c in Java, restored from a savepoint that weir wrote. Reads no rows: at the end of its input every event timer fires, and
 * the function prints all state of the timer's key: "STATE KEY MAP-KEY VALUE" in the bytes of Flink's serializers, as hex; and each timer. So a line is there
 * only when Flink found the serializers compatible, the entry under its key group, and the timer; and it equals weir's dump only when the value came back
 * as it was written.
 *
 * <pre>
 * --savepoint DIR --out FILE [--parallelism 1] [--maxp 128] [--backend hashmap]
 * </pre>
 */
public final class Kinds {
    static final ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>();
    static final SerializerConfigImpl config = new SerializerConfigImpl();

    static final TypeInformation<?>[] EVERY = {
        Types.BOOLEAN, Types.BYTE, Types.SHORT, Types.INT, Types.LONG, Types.FLOAT, Types.DOUBLE, Types.CHAR, Types.STRING,
        PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO, Types.INSTANT, TypeInformation.of(point.class)
    };

    static Map<String, TypeInformation<?>> values() {
        Map<String, TypeInformation<?>> m = new LinkedHashMap<>();
        String[] names = {"flag", "tiny", "small", "number", "big", "single", "wide", "letter", "text", "raw", "when"};
        for (int i = 0; i < names.length; i++) m.put(names[i], EVERY[i]);
        m.put("every", TypeInformation.of(every.class));
        m.put("row", Types.ROW(EVERY));
        m.put("nested", Types.TUPLE(Types.TUPLE(Types.STRING, Types.LONG), TypeInformation.of(point.class), EVERY[9]));
        m.put("names", Types.LIST(Types.STRING));
        m.put("lists", Types.LIST(Types.LIST(Types.STRING)));
        m.put("places", Types.MAP(Types.INT, TypeInformation.of(point.class)));
        return m;
    }

    static Map<String, TypeInformation<?>> lists() {
        Map<String, TypeInformation<?>> m = new LinkedHashMap<>();
        m.put("numbers", Types.DOUBLE);
        m.put("texts", Types.STRING);
        m.put("pairs", Types.TUPLE(Types.STRING, Types.LONG));
        m.put("instants", Types.INSTANT);
        return m;
    }

    static Map<String, TypeInformation<?>[]> maps() {
        Map<String, TypeInformation<?>[]> m = new LinkedHashMap<>();
        m.put("counts", new TypeInformation<?>[] {Types.STRING, Types.LONG});
        m.put("points", new TypeInformation<?>[] {Types.LONG, TypeInformation.of(every.class)});
        m.put("flags", new TypeInformation<?>[] {Types.BOOLEAN, EVERY[9]});
        m.put("rows", new TypeInformation<?>[] {Types.TUPLE(Types.STRING, Types.LONG), Types.LIST(Types.STRING)});
        return m;
    }

    static void run(Map<String, String> a) throws Exception {
        lines.clear();
        StreamExecutionEnvironment env = Start.environment(a);
        DataStream<item> none = env.fromSource(new NumberSequenceSource(0, 0), WatermarkStrategy.noWatermarks(), "nothing").uid("nothing").setParallelism(1)
                .filter(n -> false).uid("no-rows").setParallelism(1).map(n -> new item()).returns(item.class).uid("no-items").setParallelism(1);
        TypeInformation<Tuple2<Integer, String>> pair = Types.TUPLE(Types.INT, Types.STRING);
        DataStream<String> all = states(none, i -> i.key, Types.LONG, "states-by-long")
                .union(states(none, i -> i.name, Types.STRING, "states-by-text"), states(none, i -> Tuple2.of(i.a, i.name), pair, "states-by-pair"));
        all.sinkTo(new DiscardingSink<>()).uid("discard");
        env.execute("kinds");
        List<String> out = new ArrayList<>(lines);
        out.sort(null);
        Files.write(Paths.get(a.get("out")), out, StandardCharsets.UTF_8);
    }

    static <K> DataStream<String> states(DataStream<item> in, KeySelector<item, K> key, TypeInformation<K> type, String uid) {
        return in.keyBy(key, type).process(new Show<>(uid, type)).returns(String.class).uid(uid);
    }

    static final class Show<K> extends KeyedProcessFunction<K, item, String> {
        private final String uid;
        private final TypeInformation<K> keyType;
        private transient Map<String, ValueState<Object>> values;
        private transient Map<String, ListState<Object>> lists;
        private transient Map<String, MapState<Object, Object>> maps;
        private transient Set<String> seen;
        private transient Map<TypeInformation<?>, TypeSerializer<Object>> serializers;

        Show(String uid, TypeInformation<K> keyType) {
            this.uid = uid;
            this.keyType = keyType;
        }

        @Override
        @SuppressWarnings("unchecked")
        public void open(OpenContext x) {
            values = new LinkedHashMap<>();
            lists = new LinkedHashMap<>();
            maps = new LinkedHashMap<>();
            seen = new HashSet<>();
            serializers = new LinkedHashMap<>();
            for (Map.Entry<String, TypeInformation<?>> e : values().entrySet())
                values.put(e.getKey(), getRuntimeContext().getState(new ValueStateDescriptor<>(e.getKey(), (TypeInformation<Object>) e.getValue())));
            for (Map.Entry<String, TypeInformation<?>> e : lists().entrySet())
                lists.put(e.getKey(), getRuntimeContext().getListState(new ListStateDescriptor<>(e.getKey(), (TypeInformation<Object>) e.getValue())));
            for (Map.Entry<String, TypeInformation<?>[]> e : maps().entrySet())
                maps.put(e.getKey(), getRuntimeContext().getMapState(
                        new MapStateDescriptor<>(e.getKey(), (TypeInformation<Object>) e.getValue()[0], (TypeInformation<Object>) e.getValue()[1])));
        }

        @Override
        public void processElement(item i, Context c, Collector<String> out) {
            throw new IllegalStateException("no rows are read");
        }

        @SuppressWarnings("unchecked")
        private String hex(TypeInformation<?> type, Object value) throws Exception {
            if (value instanceof Map) value = new TreeMap<>((Map<Object, Object>) value); // in the order in which weir was given it
            TypeSerializer<Object> s = serializers.computeIfAbsent(type, t -> (TypeSerializer<Object>) t.createSerializer(config));
            DataOutputSerializer to = new DataOutputSerializer(64);
            s.serialize(value, to);
            StringBuilder b = new StringBuilder();
            for (byte x : to.getCopyOfBuffer()) b.append(Character.forDigit(x >> 4 & 15, 16)).append(Character.forDigit(x & 15, 16));
            return b.toString();
        }

        @Override
        public void onTimer(long time, OnTimerContext c, Collector<String> out) throws Exception {
            String key = hex(keyType, c.getCurrentKey());
            lines.add(uid + " timer " + key + " " + time);
            if (!seen.add(key)) return;
            for (Map.Entry<String, TypeInformation<?>> e : values().entrySet()) {
                Object v = values.get(e.getKey()).value();
                if (v != null) lines.add(uid + " " + e.getKey() + " " + key + " - " + hex(e.getValue(), v));
            }
            for (Map.Entry<String, TypeInformation<?>> e : lists().entrySet()) {
                List<String> l = new ArrayList<>();
                Iterable<Object> it = lists.get(e.getKey()).get();
                if (it != null) for (Object v : it) l.add(hex(e.getValue(), v));
                if (!l.isEmpty()) lines.add(uid + " " + e.getKey() + " " + key + " - " + String.join("2c", l));
            }
            for (Map.Entry<String, TypeInformation<?>[]> e : maps().entrySet())
                for (Map.Entry<Object, Object> v : maps.get(e.getKey()).entries())
                    lines.add(uid + " " + e.getKey() + " " + key + " " + hex(e.getValue()[0], v.getKey()) + " " + hex(e.getValue()[1], v.getValue()));
        }
    }
}
