// SPDX-License-Identifier: Apache-2.0
/* What the state commands share. One thread; the signal handler only unlinks one path and ends the process. */
#include "cli/cmd_state.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state/flink/snapshot.h"
#include "statetool/verify.h"

/* --classes, once for the process. */
static int describe_classes(const struct weir_args *args, struct weir_error *err)
{
	const char *file = weir_args_value(args, "classes");
	static bool done;
	struct weir_fs_map *map;
	struct weir_fs *fs;
	struct weir_slice s;
	char *path = NULL;
	int rc;

	if (!file || done)
		return 0;
	done = true;
	rc = weir_fs_resolve(file, &fs, &path, err);
	if (rc == 0)
		rc = weir_fs_map(fs, path, &map, &s, err);
	free(path);
	if (rc)
		return rc;
	rc = weir_kryo_describe((const char *)s.ptr, s.len, err);
	weir_fs_unmap(map);
	return rc;
}

int weir_opened_ckpt(const struct weir_args *args, const char *path, struct weir_ckpt **out, struct weir_error *err)
{
	int64_t at = -1;
	char *uri = NULL;
	int rc = weir_args_i64(args, "at", 0, INT64_MAX, &at, err);

	if (rc == 0)
		rc = describe_classes(args, err);
	if (rc == 0)
		rc = weir_locate(path, &uri, err);
	if (rc == 0)
		rc = at < 0 ? weir_ckpt_open(uri, out, err) : weir_ckpt_open_at(uri, at, out, err);
	free(uri);
	if (rc == 0 && (*out)->moved_from && !args->json)
		fprintf(stderr, "note: files recorded under %s are taken from %s\n", (*out)->moved_from, (*out)->moved_to);
	return rc;
}

static int take_names(const struct weir_args *args, struct weir_opened *o, struct weir_error *err)
{
	const char *uid, *file = weir_args_value(args, "uids");

	for (size_t i = 0; (uid = weir_args_nth(args, "uid", i)); i++) {
		const char **slot = weir_vec_push(&o->named.names);

		if (!slot)
			return weir_error_set(err, WEIR_ENOMEM, "out of memory");
		*slot = uid;
	}
	if (file) {
		size_t before = o->named.names.len;
		int rc = weir_uids_from_file(weir_view_ckpt(o->view), file, &o->named, err);

		if (rc)
			return rc;
		if (o->named.names.len == before)
			fprintf(stderr, "note: no operator of the checkpoint has a uid that is in %s\n", file);
	}
	o->uids = (struct weir_uids){ o->named.names.items, o->named.names.len };
	return 0;
}

int weir_opened_init(const struct weir_args *args, const char *target, struct weir_opened *o, struct weir_error *err)
{
	struct weir_ckpt *c = NULL;
	const char *op = weir_args_value(args, "operator");
	int rc;

	memset(o, 0, sizeof(*o));
	o->sink.put = weir_cli_put;
	o->sink.step = weir_progress_step;
	o->sink.err = (struct weir_error)WEIR_ERROR_INIT;
	rc = weir_opened_ckpt(args, args->words[0], &c, err);
	if (rc)
		return rc;
	rc = weir_view_open(c, &o->view, err);
	if (rc) {
		weir_ckpt_close(c);
		return rc;
	}
	rc = take_names(args, o, err);
	if (rc == 0 && op)
		rc = weir_pick_operator_of(weir_view_ckpt(o->view), &o->uids, op, &o->op, err);
	if (rc == 0 && target)
		rc = weir_pick_target(o->view, &o->uids, target, &o->op, &o->state, err);
	if (rc) {
		weir_view_close(o->view);
		weir_uid_list_fini(&o->named);
		o->view = NULL;
	}
	return rc;
}

int weir_opened_fini(struct weir_opened *o, int rc, struct weir_error *err)
{
	struct weir_error sink_err = WEIR_ERROR_INIT;
	int closed = weir_sink_close(&o->sink, &sink_err);

	weir_progress_end();
	if (closed && (rc == 0 || sink_err.sys)) { /* what the reader of our output did explains everything after it */
		rc = closed;
		if (err)
			*err = sink_err;
	}
	if (rc < 0 && weir_code_disposition(rc) == WEIR_DAMAGED && o->view && weir_view_ckpt(o->view)->dir) {
		char *other = weir_complete_beside(weir_view_ckpt(o->view)->dir);

		if (other)
			fprintf(stderr, "note: %s is complete\n", other);
		free(other);
	}
	weir_view_close(o->view);
	weir_uid_list_fini(&o->named);
	return rc;
}

/* ---- progress ---- */
static struct {
	int wanted; /* 0 not known yet, 1 yes, -1 no */
	bool shown;
	struct timespec last;
} progress;

void weir_progress_step(struct weir_sink *s)
{
	struct timespec now;

	if (!progress.wanted) {
		progress.wanted = isatty(2) && !isatty(1) ? 1 : -1;
		clock_gettime(CLOCK_MONOTONIC, &progress.last);
	}
	if (progress.wanted < 0 || s->steps % 4096)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - progress.last.tv_sec) * 1000 + (now.tv_nsec - progress.last.tv_nsec) / 1000000 < 500)
		return;
	progress.last = now;
	progress.shown = true;
	fprintf(stderr, "\r%llu entries", (unsigned long long)s->steps);
}

void weir_progress_end(void)
{
	if (progress.shown)
		fprintf(stderr, "\r\033[K");
	progress.shown = false;
}

/* ---- temporary files ---- */
static char temporary[4096];

static void on_signal(int sig)
{
	if (temporary[0])
		unlink(temporary);
	signal(sig, SIG_DFL);
	raise(sig);
}

void weir_temporary(const char *path)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	if (!path || strlen(path) >= sizeof(temporary)) {
		temporary[0] = 0;
		return;
	}
	strcpy(temporary, path);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], on_signal);
}
