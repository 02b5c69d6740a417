// SPDX-License-Identifier: Apache-2.0
/* weir state meta: _metadata as JSON, and JSON as _metadata. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd_state.h"
#include "statetool/meta.h"

static const struct weir_option options[] = {
	{ NULL, "encode", "FILE|-", "turn JSON (of `weir state meta`) back into the bytes of _metadata, on standard output", WEIR_OPT_FILE },
	{ 0 },
};

static int read_all(FILE *f, const char *name, struct weir_buf *out, struct weir_error *err)
{
	size_t n;

	do {
		uint8_t *room = weir_buf_room(out, 65536);

		if (!room)
			return weir_error_set(err, WEIR_ENOMEM, "not enough memory for %s", name);
		n = fread(room, 1, 65536, f);
		out->len += n;
	} while (n);
	return ferror(f) ? weir_error_sys(err, EIO, name, "read") : 0;
}

static int encode(const char *name, struct weir_error *err)
{
	bool standard = strcmp(name, "-") == 0;
	FILE *f = standard ? stdin : fopen(name, "rb");
	struct weir_buf json = { 0 }, bytes = { 0 };
	struct weir_arena mem = { 0 };
	struct weir_ckpt *c = NULL;
	int rc;

	if (!f)
		return weir_error_sys(err, errno, name, "open");
	rc = read_all(f, standard ? "standard input" : name, &json, err);
	if (rc == 0)
		rc = weir_meta_parse(weir_buf_slice(&json), &mem, &c, err);
	if (rc == 0)
		rc = weir_ckpt_encode(c, c->version, &bytes, err);
	if (rc == 0)
		rc = weir_cli_put(NULL, bytes.data, bytes.len, err);
	if (!standard)
		fclose(f);
	weir_buf_fini(&json);
	weir_buf_fini(&bytes);
	weir_arena_fini(&mem);
	return rc;
}

static int run(const struct weir_args *args, struct weir_error *err)
{
	const char *from = weir_args_value(args, "encode");
	struct weir_sink sink = { .put = weir_cli_put, .err = WEIR_ERROR_INIT };
	struct weir_ckpt *c;
	int rc;

	if (from && args->nwords)
		return weir_error_set(err, WEIR_EINVALID, "either PATH, or --encode FILE");
	if (from)
		return encode(from, err);
	if (!args->nwords)
		return weir_error_set(err, WEIR_EINVALID, "of which checkpoint? usage: weir state meta PATH (or --encode FILE)");
	rc = weir_opened_ckpt(args, args->words[0], &c, err);
	if (rc)
		return rc;
	weir_meta_json(c, true, &sink.buf);
	weir_ckpt_close(c);
	if (weir_sink_close(&sink, err))
		rc = sink.code;
	return rc;
}

const struct weir_command weir_cmd_state_meta = {
	.name = "state meta",
	.words = "PATH",
	.max_words = 1,
	.summary = "print the whole _metadata as JSON, or make _metadata from JSON",
	.about = "Everything that the file says, inline state as hex; docs/state-json.md lists the members. What --encode writes of unchanged JSON is the same file, byte for byte.",
	.examples = "  weir state meta chk-42 | jq '.operators[] | {id, parallelism}'\n"
		    "  weir state meta chk-42 | jq -c '.operators[0].maxParallelism = 256' | weir state meta --encode - >_metadata",
	.options = options,
	.flags = WEIR_COMMAND_FILES,
	.run = run,
};
