// SPDX-License-Identifier: Apache-2.0
// Prints what Apache Flink's own classes answer to the questions of tests/unit/runtime: cores.golden is its output. To make it anew:
//   java -cp "$FLINK_HOME/lib/*" tests/unit/runtime/CoreVectors.java > tests/unit/runtime/cores.golden
// An argument gives the number of operator state vectors, for a longer check: WEIR_CORES_GOLDEN names the file for the tests.
import java.util.*;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.runtime.checkpoint.*;
import org.apache.flink.runtime.executiongraph.failover.*;
import org.apache.flink.runtime.state.*;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.api.windowing.assigners.*;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.streaming.runtime.io.PushingAsyncDataInput;
import org.apache.flink.streaming.runtime.streamrecord.*;
import org.apache.flink.streaming.runtime.watermarkstatus.*;
import org.apache.flink.util.CollectionUtil;
import org.apache.flink.util.clock.ManualClock;

public class CoreVectors {
	static final Random random = new Random(42);
	static final String[] WORDS = {"offsets", "pending", "buffer", "Aa", "BB", "C#", "topic-partition", "\u00e4\u20ac", "\ud83d\ude00", "", "_default_",
			"reader-state", "committables", "ids", "rules", "x", "y", "z", "writer_raw_states", "bucket-states", "AaAa", "BBBB", "AaBB", "BBAa"};

	static String name(int i) { return i < WORDS.length ? WORDS[i] : "state-" + i; }

	static void assign(int rounds) {
		for (int round = 0; round < rounds; round++) {
			int old = 1 + random.nextInt(6), now = random.nextInt(4) == 0 ? old : 1 + random.nextInt(8);
			int names = 1 + random.nextInt(round % 10 == 0 ? 40 : 12);
			boolean full = round % 6 == 5; /* as many names as just fit Flink's map, seen again by the second subtask */
			if (full) names = 13 + round % 4 / 2 * 12;
			OperatorStateHandle.Mode[] modes = new OperatorStateHandle.Mode[names];
			List<Integer> all = new ArrayList<>();
			for (int i = 0; i < WORDS.length + 40; i++) all.add(i);
			Collections.shuffle(all, random);
			for (int i = 0; i < names; i++) modes[i] = OperatorStateHandle.Mode.values()[full || random.nextInt(10) < 7 ? 0 : random.nextInt(3)];
			System.out.printf("assign %d %d%n", old, now);
			List<List<OperatorStateHandle>> before = new ArrayList<>();
			for (int s = 0; s < old; s++) {
				List<Integer> mine = new ArrayList<>();
				for (int i = 0; i < names; i++) if (full || random.nextInt(10) > 0) mine.add(i);
				if (random.nextInt(12) == 0 || mine.isEmpty()) { before.add(new ArrayList<>()); continue; }
				if (random.nextBoolean()) Collections.shuffle(mine, random);
				Map<String, OperatorStateHandle.StateMetaInfo> map = CollectionUtil.newHashMapWithExpectedSize(mine.size());
				for (int i : mine) {
					int count = modes[i] == OperatorStateHandle.Mode.BROADCAST ? 1 : random.nextInt(6);
					long[] offsets = new long[count];
					for (int k = 0; k < count; k++) offsets[k] = k;
					map.put(name(all.get(i)), new OperatorStateHandle.StateMetaInfo(offsets, modes[i]));
					System.out.printf("l %d %d %d %s.%n", s, modes[i].ordinal(), count, name(all.get(i)));
				}
				before.add(new ArrayList<>(List.of(new OperatorStreamStateHandle(map, new ByteStreamStateHandle("" + s, new byte[0])))));
			}
			List<List<OperatorStateHandle>> after = RoundRobinOperatorStateRepartitioner.INSTANCE.repartitionState(before, old, now);
			for (int n = 0; n < now; n++)
				for (OperatorStateHandle h : after.get(n)) {
					String from = ((ByteStreamStateHandle) h.getDelegateStateHandle()).getHandleName();
					for (Map.Entry<String, OperatorStateHandle.StateMetaInfo> e : h.getStateNameToPartitionOffsets().entrySet())
						if (e.getValue().getOffsets().length > 0)
							System.out.printf("p %d %s %d %d %s.%n", n, from, e.getValue().getOffsets()[0], e.getValue().getOffsets().length, e.getKey());
				}
			System.out.println("end");
		}
	}

	static void keyGroups() {
		int[][] cases = {{128, 3}, {128, 4}, {128, 7}, {10, 3}, {32768, 5}, {1, 1}, {128, 128}, {1000, 7}, {32768, 32768}, {257, 100}};
		for (int[] c : cases)
			for (int i = 0; i < c[1]; i += 1 + c[1] / 50) {
				KeyGroupRange r = KeyGroupRangeAssignment.computeKeyGroupRangeForOperatorIndex(c[0], c[1], i);
				System.out.printf("range %d %d %d %d %d%n", c[0], c[1], i, r.getStartKeyGroup(), r.getEndKeyGroup());
			}
		for (int p : new int[] {1, 2, 85, 86, 128, 170, 171, 342, 1000, 20000, 21845, 21846, 32768})
			System.out.printf("default-max %d %d%n", p, KeyGroupRangeAssignment.computeDefaultMaxParallelism(p));
	}

	static long time() {
		switch (random.nextInt(5)) {
		case 0: return random.nextInt(2000) - 1000;
		case 1: return random.nextLong() / 4;
		case 2: return 1700000000000L + random.nextInt(100000000);
		case 3: return -random.nextInt(2000000000);
		default: return (random.nextInt(41) - 20) * 3600000L;
		}
	}

	static void windows() {
		for (int i = 0; i < 400; i++) {
			long size = random.nextBoolean() ? 1 + random.nextInt(100) : 3600000L * (1 + random.nextInt(24)), offset = (long) ((random.nextDouble() * 2 - 1) * size);
			if (Math.abs(offset) >= size) offset = 0;
			long t = time();
			System.out.printf("start %d %d %d %d%n", t, offset, size, TimeWindow.getWindowStartWithOffset(t, offset, size));
		}
		for (long t : new long[] {Long.MIN_VALUE + 1, Long.MAX_VALUE, Long.MAX_VALUE - 5, Long.MIN_VALUE + 77})
			for (long size : new long[] {1, 7, 3600000})
				System.out.printf("start %d %d %d %d%n", t, size / 2, size, TimeWindow.getWindowStartWithOffset(t, size / 2, size));
		for (int i = 0; i < 200; i++) {
			long slide = 1 + random.nextInt(20), size = 1 + random.nextInt(100), offset = random.nextInt((int) slide) * (random.nextBoolean() ? 1 : -1), t = time();
			StringBuilder b = new StringBuilder();
			for (TimeWindow w : SlidingEventTimeWindows.of(org.apache.flink.streaming.api.windowing.time.Time.milliseconds(size),
					org.apache.flink.streaming.api.windowing.time.Time.milliseconds(slide), org.apache.flink.streaming.api.windowing.time.Time.milliseconds(offset))
					.assignWindows(null, t, null))
				b.append(' ').append(w.getStart());
			System.out.printf("sliding %d %d %d %d%s%n", t, size, slide, offset, b);
		}
		for (int i = 0; i < 150; i++) { /* sessions of one key, element after element */
			Set<TimeWindow> held = new HashSet<>();
			int gap = 1 + random.nextInt(10), n = 1 + random.nextInt(20);
			StringBuilder in = new StringBuilder();
			for (int k = 0; k < n; k++) {
				long t = random.nextInt(200) - 100;
				in.append(' ').append(t);
				List<TimeWindow> windows = new ArrayList<>(held);
				windows.add(new TimeWindow(t, t + gap));
				Set<TimeWindow> next = new HashSet<>(windows);
				TimeWindow.mergeWindows(windows, (merged, into) -> { next.removeAll(merged); next.add(into); });
				held = next;
			}
			TreeMap<Long, Long> sorted = new TreeMap<>();
			for (TimeWindow w : held) sorted.put(w.getStart(), w.getEnd());
			System.out.printf("sessions %d%s :", gap, in);
			sorted.forEach((s, e) -> System.out.printf(" %d %d", s, e));
			System.out.println();
		}
	}

	static void failures(String head, RestartBackoffTimeStrategy s, ManualClock clock, int steps, int spread) {
		System.out.print(head + " :");
		for (int i = 0; i < steps; i++) {
			clock.advanceTime(java.time.Duration.ofMillis(random.nextInt(spread)));
			s.notifyFailure(new Exception());
			boolean can = s.canRestart();
			System.out.printf(" %d %d", clock.absoluteTimeMillis(), can ? s.getBackoffTime() : -1);
			if (!can) break;
		}
		System.out.println();
	}

	static void failover() {
		for (int i = 0; i < 60; i++) {
			ManualClock clock = new ManualClock(1000000000L * 1000000);
			int max = 1 + random.nextInt(4), interval = 1 + random.nextInt(1000), delay = random.nextInt(50);
			try {
				var c = FailureRateRestartBackoffTimeStrategy.class.getDeclaredConstructors()[0];
				c.setAccessible(true);
				failures(String.format("rate %d %d %d", max, interval, delay), (RestartBackoffTimeStrategy) c.newInstance(clock, max, (long) interval, (long) delay), clock, 20, 600);
				var e = ExponentialDelayRestartBackoffTimeStrategy.class.getDeclaredConstructors()[0];
				e.setAccessible(true);
				long initial = 1 + random.nextInt(100), most = initial + random.nextInt(2000), reset = 1 + random.nextInt(1500);
				double multiplier = 1.1 + random.nextInt(20) / 10.0;
				int attempts = 1 + random.nextInt(8);
				failures(String.format(Locale.ROOT, "exponential %d %d %.1f %d %d", initial, most, multiplier, reset, attempts),
						(RestartBackoffTimeStrategy) e.newInstance(clock, initial, most, multiplier, reset, 0.0, attempts), clock, 20, 1500);
			} catch (ReflectiveOperationException x) { throw new RuntimeException(x); }
		}
		for (int max : new int[] {0, 1, 3}) {
			var s = new FixedDelayRestartBackoffTimeStrategy.FixedDelayRestartBackoffTimeStrategyFactory(max, 77).create();
			System.out.printf("fixed %d 77 :", max);
			for (int i = 0; i < max + 1; i++) { s.notifyFailure(new Exception()); System.out.printf(" %d %d", i, s.canRestart() ? s.getBackoffTime() : -1); }
			System.out.println();
		}
	}

	static void valve() throws Exception {
		for (int round = 0; round < 150; round++) {
			int n = 1 + random.nextInt(5);
			StatusWatermarkValve v = new StatusWatermarkValve(n);
			boolean[] idle = new boolean[n];
			StringBuilder b = new StringBuilder("valve " + n + " :");
			for (int i = 0; i < 40; i++) {
				int c = random.nextInt(n), what = random.nextInt(6);
				StringBuilder out = new StringBuilder();
				PushingAsyncDataInput.DataOutput<Object> o = new PushingAsyncDataInput.DataOutput<>() {
					public void emitRecord(StreamRecord<Object> r) { }
					public void emitWatermark(Watermark w) { out.append("w").append(w.getTimestamp()); }
					public void emitWatermarkStatus(WatermarkStatus s) { out.append(s.isIdle() ? "i" : "a"); }
					public void emitLatencyMarker(LatencyMarker m) { }
					public void emitRecordAttributes(RecordAttributes a) { }
				};
				if (what == 0 || (idle[c] && what < 4)) {
					idle[c] = !idle[c];
					b.append(idle[c] ? " I" : " A").append(c);
					v.inputWatermarkStatus(idle[c] ? WatermarkStatus.IDLE : WatermarkStatus.ACTIVE, c, o);
				} else if (!idle[c]) {
					int t = random.nextInt(20) + i * 2;
					b.append(" W").append(c).append(',').append(t);
					v.inputWatermark(new Watermark(t), c, o);
				} else continue;
				b.append('=').append(out.length() == 0 ? "-" : out);
			}
			System.out.println(b);
		}
	}

	static void reasons() throws Exception {
		for (CheckpointFailureReason r : CheckpointFailureReason.values()) {
			CheckpointFailureManager m = new CheckpointFailureManager(1000, new CheckpointFailureManager.FailJobCallback() {
				public void failJob(Throwable t) { }
				public void failJobDueToTaskFailure(Throwable t, org.apache.flink.runtime.executiongraph.ExecutionAttemptID id) { }
			});
			m.checkFailureCounter(new CheckpointException(r), 5);
			var f = CheckpointFailureManager.class.getDeclaredField("continuousFailureCounter");
			f.setAccessible(true);
			System.out.printf("reason %s %d %d %s%n", r.name(), r.isPreFlight() ? 1 : 0, ((AtomicInteger) f.get(m)).get(), r.message());
		}
	}

	public static void main(String[] args) throws Exception {
		System.setOut(new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8"));
		assign(args.length > 0 ? Integer.parseInt(args[0]) : 60);
		keyGroups();
		windows();
		failover();
		valve();
		reasons();
	}
}
