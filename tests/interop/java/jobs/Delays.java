package jobs;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;
import weir.stats;

/**
 * The keyed part of examples/delays.c in Java: the same uids, state names and types. Started from a savepoint that weir wrote, it reads the rows that weir
 * had not read, and writes the lines that weir would write from there on, with the name of the folder in front.
 *
 * <pre>
 * --savepoint DIR --input CSV --out FILE --rows READ --max MS --emitted MS --since ROWS [--parallelism 1] [--maxp 128] [--backend hashmap]
 * </pre>
 *
 * --rows: read by weir so far; --max, --emitted, --since: where its watermarks stood (its source and its watermark operator keep these in operator state of
 * their own types, which this job drops).
 */
public final class Delays {
    static final OutputTag<Flight> LATE = new OutputTag<Flight>("late-flights") {};
    static final int EVERY_ROWS = 20, LATE_MINUTES = 15, LATE_FLIGHTS = 5;
    static final long BOUND = 600_000, LATE_WITHIN = 6 * 3_600_000;
    static final ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>();

    public static class Flight {
        public long time;
        public String origin, destination; // origin null: stands for the watermark at the start
        public int delay, distance;
    }

    static void run(Map<String, String> a) throws Exception {
        lines.clear();
        StreamExecutionEnvironment env = Start.environment(a);
        int read = Integer.parseInt(a.get("rows"));
        List<String> rows = Files.readAllLines(Paths.get(a.get("input")));
        String[] rest = rows.subList(read + 1, rows.size()).toArray(new String[0]);
        long max = Long.parseLong(a.get("max")), emitted = Long.parseLong(a.get("emitted"));
        int since = Integer.parseInt(a.get("since"));

        SingleOutputStreamOperator<Flight> flights =
                env.fromSource(new NumberSequenceSource(-1, rest.length - 1), WatermarkStrategy.noWatermarks(), "rows").uid("rows").setParallelism(1)
                        .map(n -> n < 0 ? new Flight() : parse(rest[(int) (long) n])).returns(Flight.class).uid("parse").setParallelism(1)
                        .assignTimestampsAndWatermarks(WatermarkStrategy.<Flight>forGenerator(c -> new ByPosition(max, emitted, since)).withTimestampAssigner((f, t) -> f.time))
                        .uid("times").setParallelism(1)
                        .filter(f -> f.origin != null).uid("rows-only").setParallelism(1);
        SingleOutputStreamOperator<String> hours =
                flights.keyBy(f -> f.origin).window(TumblingEventTimeWindows.of(Duration.ofHours(1))).sideOutputLateData(LATE)
                        .aggregate(new Hourly(), new Hour(), TypeInformation.of(stats.class), TypeInformation.of(stats.class), Types.STRING).uid("hourly-delays");
        SingleOutputStreamOperator<String> alerts = flights.keyBy(f -> f.origin).process(new LateAlert()).uid("late-alert");
        DataStream<String> late = hours.getSideOutput(LATE)
                .map(f -> "late " + Instant.ofEpochMilli(f.time) + "," + f.origin + "," + f.destination + "," + f.delay + "," + f.distance).returns(String.class).uid("late-lines");
        hours.union(alerts, late).process(new Keep()).uid("keep").sinkTo(new DiscardingSink<>()).uid("discard");
        env.execute("delays");
        List<String> out = new ArrayList<>(lines);
        out.sort(null);
        Files.write(Paths.get(a.get("out")), out, StandardCharsets.UTF_8);
    }

    static Flight parse(String row) {
        String[] c = row.split(",");
        Flight f = new Flight();
        f.delay = Integer.parseInt(c[1]);
        f.time = Start.time(c[0]) - f.delay * 60_000L;
        f.distance = Integer.parseInt(c[2]);
        f.origin = c[3];
        f.destination = c[4];
        return f;
    }

    /** A watermark after each 20 rows, going on from where weir stood. */
    static final class ByPosition implements WatermarkGenerator<Flight> {
        private long max;
        private final long first;
        private int since;

        ByPosition(long max, long emitted, int since) {
            this.max = max;
            this.first = emitted;
            this.since = since;
        }

        @Override
        public void onEvent(Flight f, long time, WatermarkOutput out) {
            if (f.origin == null) {
                out.emitWatermark(new Watermark(first));
                return;
            }
            max = Math.max(max, time);
            if (++since == EVERY_ROWS) {
                since = 0;
                out.emitWatermark(new Watermark(max - BOUND - 1));
            }
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput out) {}
    }

    static final class Hourly implements AggregateFunction<Flight, stats, stats> {
        @Override
        public stats createAccumulator() {
            return new stats();
        }

        @Override
        public stats add(Flight f, stats s) {
            s.delay_max = s.flights == 0 || f.delay > s.delay_max ? f.delay : s.delay_max;
            s.flights++;
            s.delay_sum += f.delay;
            return s;
        }

        @Override
        public stats getResult(stats s) {
            return s;
        }

        @Override
        public stats merge(stats a, stats b) {
            throw new UnsupportedOperationException();
        }
    }

    static final class Hour extends ProcessWindowFunction<stats, String, String, TimeWindow> {
        @Override
        public void process(String origin, Context c, Iterable<stats> v, Collector<String> out) {
            stats s = v.iterator().next();
            out.collect("hours " + origin + "," + Instant.ofEpochMilli(c.window().getStart()) + "," + s.flights + "," + (double) s.delay_sum / s.flights + "," + s.delay_max);
        }
    }

    static final class LateAlert extends KeyedProcessFunction<String, Flight, String> {
        private transient ValueState<stats> tally;
        private transient ListState<Integer> delays;
        private transient MapState<String, Long> byDestination;

        @Override
        public void open(OpenContext x) {
            tally = getRuntimeContext().getState(new ValueStateDescriptor<>("tally", stats.class));
            delays = getRuntimeContext().getListState(new ListStateDescriptor<>("delays", Types.INT));
            byDestination = getRuntimeContext().getMapState(new MapStateDescriptor<>("by-destination", Types.STRING, Types.LONG));
        }

        @Override
        public void processElement(Flight f, Context c, Collector<String> out) throws Exception {
            if (f.delay < LATE_MINUTES) return;
            stats s = tally.value() == null ? new stats() : tally.value();
            s.delay_sum += f.delay;
            s.delay_max = Math.max(s.delay_max, f.delay);
            if (s.flights++ == 0) c.timerService().registerEventTimeTimer(f.time + LATE_WITHIN);
            tally.update(s);
            delays.add(f.delay);
            Long n = byDestination.get(f.destination);
            byDestination.put(f.destination, n == null ? 1 : n + 1);
        }

        @Override
        public void onTimer(long time, OnTimerContext c, Collector<String> out) throws Exception {
            stats s = tally.value();
            if (s != null && s.flights >= LATE_FLIGHTS) {
                int worst = 0;
                for (int d : delays.get()) worst = Math.max(worst, d);
                Tuple2<String, Long> most = Tuple2.of(null, 0L);
                for (Map.Entry<String, Long> e : byDestination.entries())
                    if (e.getValue() > most.f1 || (e.getValue().equals(most.f1) && e.getKey().compareTo(most.f0) < 0)) most = Tuple2.of(e.getKey(), e.getValue());
                out.collect("alerts {\"origin\":\"" + c.getCurrentKey() + "\",\"until\":\"" + Instant.ofEpochMilli(time) + "\",\"late\":" + s.flights + ",\"minutes\":" + s.delay_sum
                        + ",\"worst_to\":\"" + most.f0 + "\",\"worst\":" + worst + "}");
            }
            tally.clear();
            delays.clear();
            byDestination.clear();
        }
    }

    static final class Keep extends ProcessFunction<String, String> {
        @Override
        public void processElement(String s, Context c, Collector<String> out) {
            lines.add(s);
        }
    }
}
