// SPDX-License-Identifier: Apache-2.0
/*
 * Which classes Kryo values may be made of, how each is read, and the numbers Flink gives to some. docs/formats/serializers.md, "Kryo".
 *
 * The letters behind weir__kryo_fields are the fields of a class in the order of their names, as FieldSerializer writes them: type and name. Types: Z B S C
 * I J F D; L an object (its class is written); =Class; an object of a final class (it is not). Behind a bar: the order in which the class declares them.
 * Pure tables.
 */
#include "state/flink/serializer_kryo.h"

#include <stdio.h>
#include <string.h>

#define F WEIR__KRYO_FINAL
#define P (WEIR__KRYO_FINAL | WEIR__KRYO_PLAIN)
#define E (WEIR__KRYO_FINAL | WEIR__KRYO_ENUM)
#define U WEIR__KRYO_UNSORTED
#define O WEIR__KRYO_ORDERED
#define N WEIR__KRYO_NO_NULLS
#define UTIL "java.util."
#define CONC "java.util.concurrent."
#define TIME "java.time."
#define COLL "java.util.Collections$"
#define IMM "java.util.ImmutableCollections$"
#define SCALA "scala.collection.immutable."
#define FLINK "org.apache.flink."

static const struct weir__kryo_class classes[] = {
	{ "int", weir__kryo_scalar, P, "I" }, { "java.lang.Integer", weir__kryo_scalar, P, "I" },
	{ "float", weir__kryo_scalar, P, "F" }, { "java.lang.Float", weir__kryo_scalar, P, "F" },
	{ "boolean", weir__kryo_scalar, P, "Z" }, { "java.lang.Boolean", weir__kryo_scalar, P, "Z" },
	{ "byte", weir__kryo_scalar, P, "B" }, { "java.lang.Byte", weir__kryo_scalar, P, "B" },
	{ "char", weir__kryo_scalar, P, "C" }, { "java.lang.Character", weir__kryo_scalar, P, "C" },
	{ "short", weir__kryo_scalar, P, "S" }, { "java.lang.Short", weir__kryo_scalar, P, "S" },
	{ "long", weir__kryo_scalar, P, "J" }, { "java.lang.Long", weir__kryo_scalar, P, "J" },
	{ "double", weir__kryo_scalar, P, "D" }, { "java.lang.Double", weir__kryo_scalar, P, "D" },
	{ "void", weir__kryo_nothing, P, "null" }, { "java.lang.Void", weir__kryo_nothing, P, "null" },
	{ "java.lang.String", weir__kryo_string, F, NULL },
	{ "java.lang.Object", weir__kryo_nothing, 0, "\"java.lang.Object\"" },
	/* not final, and no values of their own: of arrays */
	{ "java.lang.Number", weir__kryo_unknown, 0, NULL }, { "java.lang.Comparable", weir__kryo_unknown, 0, NULL }, { "java.lang.CharSequence", weir__kryo_unknown, 0, NULL },
	{ "java.io.Serializable", weir__kryo_unknown, 0, NULL }, { UTIL "List", weir__kryo_unknown, 0, NULL }, { UTIL "Map", weir__kryo_unknown, 0, NULL },
	{ UTIL "Set", weir__kryo_unknown, 0, NULL }, { UTIL "Collection", weir__kryo_unknown, 0, NULL }, { UTIL "Queue", weir__kryo_unknown, 0, NULL },
	{ UTIL "Map$Entry", weir__kryo_unknown, 0, NULL },
	{ "java.lang.StringBuilder", weir__kryo_text_body, F, NULL }, { "java.lang.StringBuffer", weir__kryo_text_body, F, NULL },
	{ "java.lang.Class", weir__kryo_class_object, F, NULL },
	{ "java.math.BigInteger", weir__kryo_big, 0, NULL }, { "java.math.BigDecimal", weir__kryo_big, 0, "scale" },
	{ "java.net.URI", weir__kryo_text_body, F, NULL }, { "java.net.URL", weir__kryo_text_body, F, "5" },
	{ "sun.nio.cs.UTF_8", weir__kryo_text_body, F, "5" }, { "sun.nio.cs.US_ASCII", weir__kryo_text_body, F, "5" }, { "sun.nio.cs.ISO_8859_1", weir__kryo_text_body, F, "5" },
	{ "java.net.InetSocketAddress", weir__kryo_socket, 0, NULL },
	{ "java.sql.Date", weir__kryo_date, 0, "SqlDate" }, { "java.sql.Time", weir__kryo_date, 0, "SqlTime" }, { "java.sql.Timestamp", weir__kryo_date, 0, "SqlTimestamp" },
	{ UTIL "Date", weir__kryo_date, 0, "Date" },
	{ UTIL "UUID", weir__kryo_uuid, F, NULL }, { UTIL "BitSet", weir__kryo_bit_set, 0, NULL }, { UTIL "regex.Pattern", weir__kryo_pattern, F, NULL },
	{ UTIL "Locale", weir__kryo_locale, F, NULL }, { UTIL "Currency", weir__kryo_text_body, F, NULL },
	{ "sun.util.calendar.ZoneInfo", weir__kryo_text_body, 0, NULL }, { UTIL "SimpleTimeZone", weir__kryo_text_body, 0, NULL },
	{ UTIL "GregorianCalendar", weir__kryo_calendar, 0, NULL },
	{ "java.text.SimpleDateFormat", weir__kryo_java, 0, NULL },
	{ UTIL "Optional", weir__kryo_optional, F, NULL }, { UTIL "OptionalInt", weir__kryo_optional_number, F, "I" },
	{ UTIL "OptionalLong", weir__kryo_optional_number, F, "J" }, { UTIL "OptionalDouble", weir__kryo_optional_number, F, "D" },
	{ UTIL "AbstractMap$SimpleEntry", weir__kryo_entry, 0, NULL }, { UTIL "AbstractMap$SimpleImmutableEntry", weir__kryo_entry, 0, NULL },
	{ CONC "atomic.AtomicInteger", weir__kryo_scalar, 0, "I" }, { CONC "atomic.AtomicLong", weir__kryo_scalar, 0, "J" },
	{ CONC "atomic.AtomicBoolean", weir__kryo_scalar, 0, "b" }, { CONC "atomic.AtomicReference", weir__kryo_reference, 0, NULL },
	{ TIME "Instant", weir__kryo_time, F, NULL }, { TIME "LocalDate", weir__kryo_time, F, NULL }, { TIME "LocalTime", weir__kryo_time, F, NULL },
	{ TIME "LocalDateTime", weir__kryo_time, F, NULL }, { TIME "Duration", weir__kryo_time, F, NULL }, { TIME "Period", weir__kryo_time, F, NULL },
	{ TIME "ZoneOffset", weir__kryo_time, F, NULL }, { TIME "ZoneRegion", weir__kryo_time, F, NULL }, { TIME "ZonedDateTime", weir__kryo_time, F, NULL },
	{ TIME "OffsetDateTime", weir__kryo_time, F, NULL }, { TIME "OffsetTime", weir__kryo_time, F, NULL }, { TIME "Year", weir__kryo_time, F, NULL },
	{ TIME "YearMonth", weir__kryo_time, F, NULL }, { TIME "MonthDay", weir__kryo_time, F, NULL },
	{ TIME "DayOfWeek", weir__kryo_enum, E, "MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY" },
	{ TIME "Month", weir__kryo_enum, E, "JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER" },
	{ TIME "temporal.ChronoUnit", weir__kryo_enum, E,
	  "NANOS MICROS MILLIS SECONDS MINUTES HOURS HALF_DAYS DAYS WEEKS MONTHS YEARS DECADES CENTURIES MILLENNIA ERAS FOREVER" },
	{ CONC "TimeUnit", weir__kryo_enum, E, "NANOSECONDS MICROSECONDS MILLISECONDS SECONDS MINUTES HOURS DAYS" },
	{ "java.math.RoundingMode", weir__kryo_enum, E, "UP DOWN CEILING FLOOR HALF_UP HALF_DOWN HALF_EVEN UNNECESSARY" },
	{ FLINK "types.RowKind", weir__kryo_enum, E, "INSERT UPDATE_BEFORE UPDATE_AFTER DELETE" },

	{ UTIL "ArrayList", weir__kryo_collection, 0, NULL }, { UTIL "LinkedList", weir__kryo_collection, 0, NULL }, { UTIL "Vector", weir__kryo_collection, 0, NULL },
	{ UTIL "Stack", weir__kryo_collection, 0, NULL }, { UTIL "ArrayDeque", weir__kryo_collection, 0, NULL },
	{ UTIL "HashSet", weir__kryo_collection, U, NULL }, { UTIL "LinkedHashSet", weir__kryo_collection, U, NULL },
	{ UTIL "TreeSet", weir__kryo_collection, O, NULL }, { UTIL "PriorityQueue", weir__kryo_priority_queue, U | O, NULL },
	{ CONC "CopyOnWriteArrayList", weir__kryo_collection, 0, NULL }, { CONC "CopyOnWriteArraySet", weir__kryo_collection, U, NULL },
	{ CONC "ConcurrentSkipListSet", weir__kryo_collection, 0, NULL },
	{ CONC "ConcurrentLinkedQueue", weir__kryo_collection, 0, NULL }, { CONC "ConcurrentLinkedDeque", weir__kryo_collection, 0, NULL },
	{ CONC "LinkedBlockingQueue", weir__kryo_collection, 0, NULL }, { CONC "LinkedBlockingDeque", weir__kryo_collection, 0, NULL },
	{ CONC "ArrayBlockingQueue", weir__kryo_collection, 0, NULL },
	{ UTIL "Arrays$ArrayList", weir__kryo_as_list, 0, NULL }, { UTIL "ArrayList$SubList", weir__kryo_collection, 0, NULL },
	{ IMM "ListN", weir__kryo_collection, F | N, NULL }, { IMM "List12", weir__kryo_collection, F | N, NULL }, { IMM "SubList", weir__kryo_collection, F | N, NULL },
	{ IMM "SetN", weir__kryo_collection, F | U | N, NULL }, { IMM "Set12", weir__kryo_collection, F | U | N, NULL },
	{ IMM "MapN", weir__kryo_map, F | U, NULL }, { IMM "Map1", weir__kryo_map, F | U, NULL },
	{ COLL "EmptyList", weir__kryo_nothing, 0, "[]" }, { COLL "EmptySet", weir__kryo_nothing, 0, "[]" }, { COLL "EmptyMap", weir__kryo_nothing, 0, "[]" },
	{ COLL "SingletonList", weir__kryo_single_list, 0, NULL }, { COLL "SingletonSet", weir__kryo_single_list, 0, NULL },
	{ COLL "SingletonMap", weir__kryo_single_map, 0, NULL },
	{ COLL "UnmodifiableList", weir__kryo_collection, 0, NULL }, { COLL "UnmodifiableRandomAccessList", weir__kryo_collection, 0, NULL },
	{ COLL "UnmodifiableCollection", weir__kryo_collection, 0, NULL }, { COLL "UnmodifiableSet", weir__kryo_collection, U, NULL },
	{ COLL "UnmodifiableMap", weir__kryo_map, U, NULL }, { COLL "SynchronizedMap", weir__kryo_map, U, NULL },
	{ COLL "SynchronizedList", weir__kryo_collection, 0, NULL }, { COLL "SynchronizedRandomAccessList", weir__kryo_collection, 0, NULL },
	{ COLL "SynchronizedCollection", weir__kryo_collection, 0, NULL }, { COLL "SynchronizedSet", weir__kryo_collection, U, NULL },
	{ COLL "CopiesList", weir__kryo_collection, 0, NULL },
	{ COLL "UnmodifiableSortedMap", weir__kryo_map, 0, NULL },
	{ UTIL "HashMap$KeySet", weir__kryo_collection, F | U, NULL }, { UTIL "HashMap$Values", weir__kryo_collection, F, NULL },
	{ UTIL "HashMap", weir__kryo_map, U, NULL }, { UTIL "LinkedHashMap", weir__kryo_map, U, NULL }, { UTIL "Hashtable", weir__kryo_map, U, NULL },
	{ UTIL "IdentityHashMap", weir__kryo_map, U, NULL }, { UTIL "WeakHashMap", weir__kryo_map, U, NULL }, { UTIL "EnumMap", weir__kryo_map, U, "enum" },
	{ UTIL "Properties", weir__kryo_map, U, NULL },
	{ CONC "ConcurrentHashMap", weir__kryo_map, U, NULL }, { CONC "ConcurrentSkipListMap", weir__kryo_map, O, "5" }, { UTIL "TreeMap", weir__kryo_map, O, NULL },
	{ UTIL "RegularEnumSet", weir__kryo_enum_set, 0, NULL }, { UTIL "JumboEnumSet", weir__kryo_enum_set, 0, NULL },
	{ COLL "ReverseComparator", weir__kryo_nothing, 0, "\"reverseOrder\"" }, { COLL "ReverseComparator2", weir__kryo_fields, 0, "Lcmp" },
	{ UTIL "Comparators$NaturalOrderComparator", weir__kryo_enum, E, "naturalOrder" }, { "java.lang.String$CaseInsensitiveComparator", weir__kryo_nothing, 0, "\"CASE_INSENSITIVE_ORDER\"" },

	{ "scala.Some", weir__kryo_wrapper, F, "value" }, { "scala.util.Left", weir__kryo_wrapper, F, "value" }, { "scala.util.Right", weir__kryo_wrapper, F, "value" },
	{ "scala.None$", weir__kryo_nothing, F, "{\"@\":\"scala.None$\"}" }, { "scala.runtime.BoxedUnit", weir__kryo_nothing, F, "{\"@\":\"scala.runtime.BoxedUnit\"}" },
	{ "scala.util.Success", weir__kryo_wrapper, F, "value" }, { "scala.Symbol", weir__kryo_symbol, F, NULL }, { "scala.math.BigInt", weir__kryo_plain, F, NULL },
	{ SCALA "Range$Inclusive", weir__kryo_fields, 0, "Iend ZisEmpty Ilast Icount Istart Istep|405132" }, { SCALA "Nil$", weir__kryo_traversable, F, NULL },
	{ SCALA "Vector", weir__kryo_traversable, F, NULL }, { SCALA "List", weir__kryo_traversable, 0, NULL }, { SCALA "$colon$colon", weir__kryo_traversable, F, NULL },
	{ SCALA "Queue", weir__kryo_traversable, 0, NULL }, { SCALA "BitSet", weir__kryo_traversable, U, NULL },
	{ SCALA "Set$Set1", weir__kryo_traversable, U, NULL }, { SCALA "Set$Set2", weir__kryo_traversable, U, NULL }, { SCALA "Set$Set3", weir__kryo_traversable, U, NULL },
	{ SCALA "Set$Set4", weir__kryo_traversable, U, NULL }, { SCALA "HashSet$HashTrieSet", weir__kryo_traversable, U, NULL },
	{ SCALA "Map$Map1", weir__kryo_traversable, U, "map" }, { SCALA "Map$Map2", weir__kryo_traversable, U, "map" }, { SCALA "Map$Map3", weir__kryo_traversable, U, "map" },
	{ SCALA "Map$Map4", weir__kryo_traversable, U, "map" }, { SCALA "HashMap$HashTrieMap", weir__kryo_traversable, U, "map" },
	{ "scala.collection.mutable.ListBuffer", weir__kryo_traversable, F, NULL }, { "scala.collection.mutable.ArrayBuffer", weir__kryo_traversable, 0, NULL },
	{ "scala.collection.mutable.HashMap", weir__kryo_traversable, U, "map" }, { "scala.collection.mutable.HashSet", weir__kryo_traversable, U, NULL },
	{ "scala.collection.mutable.BitSet", weir__kryo_traversable, U, NULL },
	{ "scala.Tuple2$mcJJ$sp", weir__kryo_specialized, F, "JJ" }, { "scala.Tuple2$mcJI$sp", weir__kryo_specialized, F, "JI" },
	{ "scala.Tuple2$mcJD$sp", weir__kryo_specialized, F, "JD" }, { "scala.Tuple2$mcIJ$sp", weir__kryo_specialized, F, "IJ" },
	{ "scala.Tuple2$mcII$sp", weir__kryo_specialized, F, "II" }, { "scala.Tuple2$mcID$sp", weir__kryo_specialized, F, "ID" },
	{ "scala.Tuple2$mcDJ$sp", weir__kryo_specialized, F, "DJ" }, { "scala.Tuple2$mcDI$sp", weir__kryo_specialized, F, "DI" },
	{ "scala.Tuple2$mcDD$sp", weir__kryo_specialized, F, "DD" }, { "scala.Tuple1$mcJ$sp", weir__kryo_specialized, F, "J" },
	{ "scala.Tuple1$mcI$sp", weir__kryo_specialized, F, "I" }, { "scala.Tuple1$mcD$sp", weir__kryo_specialized, F, "D" },

	{ "org.apache.avro.generic.GenericData$Array", weir__kryo_avro_array, 0, NULL },
	{ FLINK "types.Row", weir__kryo_fields, F, "LfieldByName LfieldByPosition =" FLINK "types.RowKind;kind LpositionByName" },
	{ FLINK "types.Either$Left", weir__kryo_fields, 0, "Lright Lvalue|10" }, { FLINK "types.Either$Right", weir__kryo_fields, 0, "Lleft Lvalue|10" },
	{ FLINK "streaming.api.windowing.windows.TimeWindow", weir__kryo_fields, 0, "Jend Jstart" },
	{ FLINK "streaming.api.windowing.windows.GlobalWindow", weir__kryo_nothing, 0, "\"GlobalWindow\"" },
	{ FLINK "types.IntValue", weir__kryo_fields, 0, "Ivalue" }, { FLINK "types.LongValue", weir__kryo_fields, 0, "Jvalue" },
	{ FLINK "types.DoubleValue", weir__kryo_fields, 0, "Dvalue" }, { FLINK "types.FloatValue", weir__kryo_fields, 0, "Fvalue" },
	{ FLINK "types.ShortValue", weir__kryo_fields, 0, "Svalue" }, { FLINK "types.ByteValue", weir__kryo_fields, 0, "Bvalue" },
	{ FLINK "types.CharValue", weir__kryo_fields, 0, "Cvalue" }, { FLINK "types.BooleanValue", weir__kryo_fields, 0, "Zvalue" },
	{ FLINK "streaming.connectors.kafka.internals.KafkaTopicPartition", weir__kryo_fields, F, "IcachedHash Ipartition =java.lang.String;topic|210" },
};

static const char *const ids[WEIR__KRYO_FIRST_ID] = {
	"int", "java.lang.String", "float", "boolean", "byte", "char", "short", "long", "double", "void",
	[15] = "scala.Some", "scala.util.Left", "scala.util.Right", SCALA "Vector", SCALA "Set$Set1", SCALA "Set$Set2", SCALA "Set$Set3", SCALA "Set$Set4", SCALA "HashSet$HashTrieSet",
	SCALA "Map$Map1", SCALA "Map$Map2", SCALA "Map$Map3", SCALA "Map$Map4", SCALA "HashMap$HashTrieMap",
	[29] = SCALA "Range$Inclusive", [32] = "scala.collection.mutable.BitSet", "scala.collection.mutable.HashMap", "scala.collection.mutable.HashSet",
	[36] = "scala.Tuple1", "scala.Tuple2", "scala.Tuple3", "scala.Tuple4", "scala.Tuple5", "scala.Tuple6", "scala.Tuple7", "scala.Tuple8", "scala.Tuple9", "scala.Tuple10",
	"scala.Tuple11", "scala.Tuple12", "scala.Tuple13", "scala.Tuple14", "scala.Tuple15", "scala.Tuple16", "scala.Tuple17", "scala.Tuple18", "scala.Tuple19", "scala.Tuple20",
	"scala.Tuple21", "scala.Tuple22", "scala.Tuple1$mcJ$sp", "scala.Tuple1$mcI$sp", "scala.Tuple1$mcD$sp", "scala.Tuple2$mcJJ$sp", "scala.Tuple2$mcJI$sp", "scala.Tuple2$mcJD$sp",
	"scala.Tuple2$mcIJ$sp", "scala.Tuple2$mcII$sp", "scala.Tuple2$mcID$sp", "scala.Tuple2$mcDJ$sp", "scala.Tuple2$mcDI$sp", "scala.Tuple2$mcDD$sp",
	[70] = "scala.Symbol", [72] = "scala.runtime.BoxedUnit", UTIL "Arrays$ArrayList", UTIL "BitSet", UTIL "PriorityQueue", UTIL "regex.Pattern", "java.sql.Date", "java.sql.Time", "java.sql.Timestamp",
	"java.net.URI", "java.net.InetSocketAddress", UTIL "UUID", UTIL "Locale", "java.text.SimpleDateFormat",
};

const char *weir__kryo_class_of_id(uint32_t id) { return id < WEIR__KRYO_FIRST_ID ? ids[id] : NULL; }

/* "prefix" and a number up to max. */
static bool numbered(const char *name, const char *prefix, int max)
{
	size_t n = strlen(prefix);
	int i = 0, used = 0;

	return strncmp(name, prefix, n) == 0 && sscanf(name + n, "%2d%n", &i, &used) == 1 && !name[n + (size_t)used] && i >= 0 && i <= max;
}

struct weir__kryo_class weir__kryo_class_named(const char *name)
{
	if (name[0] == '[') {
		struct weir__kryo_class e;
		const char *base = name + strspn(name, "[");
		char element[1024];

		if (*base != 'L')
			return (struct weir__kryo_class){ name, weir__kryo_array, F, name + 1 };
		snprintf(element, sizeof(element), "%.*s", (int)strcspn(base + 1, ";"), base + 1);
		e = weir__kryo_class_named(element);
		return (struct weir__kryo_class){ name, weir__kryo_array, e.flags & (WEIR__KRYO_FINAL | WEIR__KRYO_UNSURE), name + 1 };
	}
	struct weir__kryo_class described;

	if (weir__kryo_description(name, &described))
		return described;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strcmp(classes[i].name, name) == 0) {
			struct weir__kryo_class c = classes[i];

			c.name = name;
			return c;
		}
	if (numbered(name, FLINK "api.java.tuple.Tuple", 25))
		return (struct weir__kryo_class){ name, weir__kryo_fields, 0, "tuple" };
	if (numbered(name, "scala.Tuple", 22))
		return (struct weir__kryo_class){ name, weir__kryo_product, 0, NULL };
	return (struct weir__kryo_class){ name, weir__kryo_unknown, WEIR__KRYO_UNSURE, NULL };
}

struct weir__kryo_class weir__kryo_class_written_by(const char *name, const char *serializer)
{
	static const struct { const char *serializer; weir__kryo_read_fn *read; } all[] = {
		{ "com.twitter.chill.protobuf.ProtobufSerializer", weir__kryo_bytes },
		{ "com.twitter.chill.thrift.TBaseSerializer", weir__kryo_bytes },
		{ FLINK "api.java.typeutils.runtime.kryo.JavaSerializer", weir__kryo_java },
		{ "com.esotericsoftware.kryo.serializers.JavaSerializer", weir__kryo_java },
		{ "com.esotericsoftware.kryo.serializers.CollectionSerializer", weir__kryo_collection },
		{ "com.esotericsoftware.kryo.serializers.MapSerializer", weir__kryo_map },
		{ FLINK "api.java.typeutils.runtime.kryo.Serializers$SpecificInstanceCollectionSerializerForArrayList", weir__kryo_collection },
	};
	struct weir__kryo_class c = weir__kryo_class_named(name);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].serializer, serializer) == 0)
			return (struct weir__kryo_class){ name, all[i].read, c.flags, "serialized" };
	return (struct weir__kryo_class){ name, weir__kryo_unknown, c.flags, NULL };
}
