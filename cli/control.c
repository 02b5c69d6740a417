// SPDX-License-Identifier: Apache-2.0
/*
 * The control socket. The server side is a thread that accepts and one per connection, which hands a request to the job and waits for its answer: so a cancel
 * gets through while a savepoint takes its time, and a client that says nothing stops nobody. The client side finds sockets and talks to them. A socket is called <job id>-<pid>.sock: two processes may run jobs of one id, with checkpoints in different folders. One whose process is
 * gone is removed by whoever finds it. Only the same user can connect (the folder is 0700).
 */
#include "cli/control.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

struct waiting { /* for the job's answer */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool answered;
	int code;
	char *uri;
	struct weir_error err;
};

#define CONNECTIONS_MAX 64

struct weir_control {
	struct weir_job *job;
	char name[128];
	struct sockaddr_un addr;
	int fd, stop[2];
	pthread_t thread;
	int64_t started_ms;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t gone;
	uint32_t n;
	int fds[CONNECTIONS_MAX];
};

struct connection {
	struct weir_control *control;
	int fd;
};

#define SOCKET_NAME_MAX 49 /* 32 of the id, '-', 10 of the pid, ".sock" and the end */

static int socket_dir(char *out, size_t size, struct weir_error *err)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	int n;

	if (run && *run)
		n = snprintf(out, size, "%s/weir", run);
	else
		n = snprintf(out, size, "/tmp/weir-%u", (unsigned)getuid());
	if (n < 0 || (size_t)n >= size)
		return weir_error_at(err, WEIR_EINVALID, run, WEIR_NO_OFFSET, "XDG_RUNTIME_DIR is too long for a socket in it (%zu bytes at most)", size - 6);
	if (mkdir(out, 0700) != 0 && errno != EEXIST)
		return weir_error_sys(err, errno, out, "make the folder of control sockets");
	return 0;
}

/* ---- lines ---- */

static bool write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static char *read_line(int fd)
{
	size_t cap = 65536, n = 0;
	char *line = malloc(cap);

	while (line && n + 1 < cap) {
		ssize_t k = recv(fd, line + n, cap - n - 1, 0);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		n += (size_t)k;
		line[n] = 0;
		if (memchr(line, '\n', n))
			return line;
	}
	free(line);
	return NULL;
}

/* ---- server ---- */

static void on_answer(void *arg, int code, const char *uri, const struct weir_error *err)
{
	struct waiting *w = arg;

	pthread_mutex_lock(&w->lock);
	w->code = code;
	w->uri = uri ? strdup(uri) : NULL;
	if (err)
		w->err = *err;
	w->answered = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static cJSON *ask_job(struct weir_control *c, const cJSON *q, enum weir_job_request_kind kind)
{
	struct waiting w = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .err = WEIR_ERROR_INIT };
	const cJSON *target = cJSON_GetObjectItem(q, "target");
	struct weir_job_request r = { .kind = kind, .drain = cJSON_IsTrue(cJSON_GetObjectItem(q, "drain")), .native = cJSON_IsTrue(cJSON_GetObjectItem(q, "native")),
				      .target = cJSON_IsString(target) ? strdup(target->valuestring) : NULL, .answer = on_answer, .arg = &w };
	cJSON *a = cJSON_CreateObject();
	char text[1200];

	weir_job_ask(c->job, &r);
	pthread_mutex_lock(&w.lock);
	while (!w.answered)
		pthread_cond_wait(&w.cond, &w.lock);
	pthread_mutex_unlock(&w.lock);
	cJSON_AddNumberToObject(a, "code", w.code);
	if (w.uri)
		cJSON_AddStringToObject(a, "uri", w.uri);
	if (w.code)
		cJSON_AddStringToObject(a, "message", weir_error_text(&w.err, text, sizeof(text)));
	free(w.uri);
	return a;
}

static cJSON *show_status(struct weir_control *c)
{
	struct weir_job_status s;
	cJSON *a = cJSON_CreateObject();

	weir_job_status(c->job, &s);
	cJSON_AddNumberToObject(a, "code", 0);
	cJSON_AddStringToObject(a, "id", s.job_id);
	cJSON_AddStringToObject(a, "name", c->name);
	cJSON_AddStringToObject(a, "state", weir_job_state_name(s.state));
	cJSON_AddNumberToObject(a, "pid", getpid());
	cJSON_AddNumberToObject(a, "started", (double)c->started_ms);
	cJSON_AddNumberToObject(a, "rows", (double)s.rows_in);
	cJSON_AddNumberToObject(a, "checkpoint", (double)s.last_checkpoint);
	return a;
}

static void serve(struct weir_control *c, int fd)
{
	char *line = read_line(fd), *text;
	cJSON *q = line ? cJSON_Parse(line) : NULL, *a = NULL;
	const cJSON *verb = q ? cJSON_GetObjectItem(q, "do") : NULL;
	const char *v = cJSON_IsString(verb) ? verb->valuestring : "";

	if (strcmp(v, "status") == 0)
		a = show_status(c);
	else if (strcmp(v, "savepoint") == 0)
		a = ask_job(c, q, WEIR_JOB_SAVEPOINT);
	else if (strcmp(v, "checkpoint") == 0)
		a = ask_job(c, q, WEIR_JOB_CHECKPOINT);
	else if (strcmp(v, "stop") == 0)
		a = ask_job(c, q, WEIR_JOB_STOP);
	else if (strcmp(v, "cancel") == 0)
		a = ask_job(c, q, WEIR_JOB_CANCEL);
	text = a ? cJSON_PrintUnformatted(a) : NULL;
	if (text && write_all(fd, text, strlen(text)))
		(void)write_all(fd, "\n", 1);
	cJSON_free(text);
	cJSON_Delete(a);
	cJSON_Delete(q);
	free(line);
}

static void *run_connection(void *arg)
{
	struct connection k = *(struct connection *)arg;
	struct weir_control *c = k.control;

	free(arg);
	serve(c, k.fd);
	pthread_mutex_lock(&c->lock);
	for (uint32_t i = 0; i < c->n; i++)
		if (c->fds[i] == k.fd)
			c->fds[i--] = c->fds[--c->n];
	close(k.fd);
	pthread_cond_signal(&c->gone);
	pthread_mutex_unlock(&c->lock); /* the last touch */
	return NULL;
}

/* False when it cannot be served: the client sees its connection end. */
static bool take_connection(struct weir_control *c, int fd)
{
	struct connection *k = malloc(sizeof(*k));
	pthread_t thread;
	bool ok;

	if (!k)
		return false;
	*k = (struct connection){ c, fd };
	pthread_mutex_lock(&c->lock);
	ok = c->n < CONNECTIONS_MAX && pthread_create(&thread, NULL, run_connection, k) == 0;
	if (ok) {
		c->fds[c->n++] = fd;
		pthread_detach(thread);
	}
	pthread_mutex_unlock(&c->lock);
	if (!ok)
		free(k);
	return ok;
}

static void *run(void *arg)
{
	struct weir_control *c = arg;

	for (;;) {
		struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = c->stop[0], .events = POLLIN } };
		int fd;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		if (!(p[0].revents & POLLIN) || (fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC)) < 0)
			continue;
		if (!take_connection(c, fd))
			close(fd);
	}
}

/* Nobody listens and no such process is there: one that is just starting has bound its socket, but does not listen yet. */
static void remove_refused(const char *path)
{
	const char *dash = strrchr(path, '-');
	int pid = dash ? atoi(dash + 1) : 0;

	if (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH))
		unlink(path);
}

/* Sockets that killed processes of this job left. */
static void remove_dead(const char *dir, const char *job_id)
{
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d)) != NULL) {
		struct sockaddr_un addr = { .sun_family = AF_UNIX };
		int fd;

		if (strncmp(e->d_name, job_id, 32) != 0 || strlen(e->d_name) >= SOCKET_NAME_MAX)
			continue;
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%.*s", dir, SOCKET_NAME_MAX - 1, e->d_name);
		if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 && errno == ECONNREFUSED)
			remove_refused(addr.sun_path);
		if (fd >= 0)
			close(fd);
	}
	if (d)
		closedir(d);
}

int weir_control_open(struct weir_job *job, const char *name, struct weir_control **out, struct weir_error *err)
{
	struct weir_control *c = calloc(1, sizeof(*c));
	struct weir_job_status s;
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path) - SOCKET_NAME_MAX];
	int code;

	if (!c)
		return weir_error_set(err, WEIR_ENOMEM, "out of memory");
	weir_job_status(job, &s);
	c->job = job;
	c->fd = c->stop[0] = c->stop[1] = -1;
	c->started_ms = weir_now_ms(&weir_system_clock);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->gone, NULL);
	snprintf(c->name, sizeof(c->name), "%s", name);
	code = socket_dir(dir, sizeof(dir), err);
	c->addr.sun_family = AF_UNIX;
	snprintf(c->addr.sun_path, sizeof(c->addr.sun_path), "%s/%s-%d.sock", dir, s.job_id, (int)getpid());
	if (!code) {
		unlink(c->addr.sun_path); /* of an earlier process with this pid */
		remove_dead(dir, s.job_id);
	}
	if (!code && ((c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0 || bind(c->fd, (struct sockaddr *)&c->addr, sizeof(c->addr)) != 0 ||
		      listen(c->fd, 16) != 0 || pipe2(c->stop, O_CLOEXEC) != 0 || pthread_create(&c->thread, NULL, run, c) != 0)) {
		code = weir_error_sys(err, errno, c->addr.sun_path, "listen for commands");
		if (c->fd >= 0)
			close(c->fd);
	}
	if (code) {
		free(c);
		return code;
	}
	*out = c;
	return 0;
}

void weir_control_close(struct weir_control *c)
{
	if (!c)
		return;
	(void)!write(c->stop[1], "x", 1);
	pthread_join(c->thread, NULL);
	pthread_mutex_lock(&c->lock);
	for (uint32_t i = 0; i < c->n; i++)
		shutdown(c->fds[i], SHUT_RD); /* who has asked still gets an answer: the job is over and has given them all */
	while (c->n)
		pthread_cond_wait(&c->gone, &c->lock);
	pthread_mutex_unlock(&c->lock);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->gone);
	unlink(c->addr.sun_path);
	close(c->fd);
	close(c->stop[0]);
	close(c->stop[1]);
	free(c);
}

/* ---- client ---- */

static cJSON *talk(const char *socket_path, const char *request)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *line = NULL;
	cJSON *a = NULL;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", socket_path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && write_all(fd, request, strlen(request)) && write_all(fd, "\n", 1))
		line = read_line(fd);
	else if (fd >= 0 && errno == ECONNREFUSED)
		remove_refused(socket_path);
	if (fd >= 0)
		close(fd);
	a = line ? cJSON_Parse(line) : NULL;
	free(line);
	return a;
}

static void copy_text(char *out, size_t size, const cJSON *a, const char *name)
{
	const cJSON *v = cJSON_GetObjectItem(a, name);

	snprintf(out, size, "%s", cJSON_IsString(v) ? v->valuestring : "");
}

static int64_t number(const cJSON *a, const char *name)
{
	const cJSON *v = cJSON_GetObjectItem(a, name);

	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
}

int weir_control_each(weir_found_fn *fn, void *arg, struct weir_error *err)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path) - SOCKET_NAME_MAX];
	struct dirent *e;
	DIR *d;
	int code = socket_dir(dir, sizeof(dir), err);

	if (code)
		return code;
	d = opendir(dir);
	if (!d)
		return weir_error_sys(err, errno, dir, "list the running jobs");
	while ((e = readdir(d)) != NULL) {
		struct weir_found_job j = { 0 };
		cJSON *a;
		size_t n = strlen(e->d_name);

		if (n < 38 || n >= SOCKET_NAME_MAX || e->d_name[32] != '-' || strcmp(e->d_name + n - 5, ".sock") != 0)
			continue;
		snprintf(j.socket, sizeof(j.socket), "%s/%s", dir, e->d_name);
		a = talk(j.socket, "{\"do\":\"status\"}");
		if (!a)
			continue;
		copy_text(j.id, sizeof(j.id), a, "id");
		copy_text(j.name, sizeof(j.name), a, "name");
		copy_text(j.state, sizeof(j.state), a, "state");
		j.pid = number(a, "pid");
		j.started_ms = number(a, "started");
		j.rows = number(a, "rows");
		j.last_checkpoint = number(a, "checkpoint");
		cJSON_Delete(a);
		fn(arg, &j);
	}
	closedir(d);
	return 0;
}

struct finding {
	const char *id;
	struct weir_found_job *out;
	int count;
};

static void match(void *arg, const struct weir_found_job *j)
{
	struct finding *f = arg;

	char pid[24];

	snprintf(pid, sizeof(pid), "%lld", (long long)j->pid);
	if (strcmp(j->name, f->id) != 0 && strncmp(j->id, f->id, strlen(f->id)) != 0 && strcmp(pid, f->id) != 0)
		return;
	*f->out = *j;
	f->count++;
}

int weir_control_find(const char *id, struct weir_found_job *out, struct weir_error *err)
{
	struct finding f = { id, out, 0 };
	int code = weir_control_each(match, &f, err);

	if (!code && f.count == 0)
		code = weir_error_set(err, WEIR_ENOTFOUND, "no running job has the id or name '%s'; `weir list` shows those there are", id);
	if (!code && f.count > 1)
		code = weir_error_set(err, WEIR_EINVALID, "%d running jobs fit '%s'; give more of the id, or the pid (`weir list --json`)", f.count, id);
	return code;
}

int weir_control_ask(const struct weir_found_job *j, const char *request, char **out_uri, struct weir_error *err)
{
	cJSON *a = talk(j->socket, request);
	const cJSON *uri = a ? cJSON_GetObjectItem(a, "uri") : NULL;
	char message[1200];
	int code;

	if (!a)
		return weir_error_set(err, WEIR_EFAILED, "job %s ended before it answered", j->id);
	code = (int)number(a, "code");
	copy_text(message, sizeof(message), a, "message");
	if (code)
		weir_error_set(err, code, "%s", message);
	if (out_uri)
		*out_uri = !code && cJSON_IsString(uri) ? strdup(uri->valuestring) : NULL;
	cJSON_Delete(a);
	return code;
}
