// SPDX-License-Identifier: Apache-2.0
/* The buffered output of the tools. */
#include "statetool/sink.h"

static void flush(struct weir_sink *s)
{
	if (!s->code && weir_buf_error(&s->buf))
		s->code = weir_error_set(&s->err, weir_buf_error(&s->buf), "out of memory while printing");
	if (!s->put)
		return;
	if (!s->code && s->buf.len)
		s->code = s->put(s->arg, s->buf.data, s->buf.len, &s->err);
	weir_buf_clear(&s->buf);
}

int weir_sink_step(struct weir_sink *s)
{
	s->steps++;
	if (s->step)
		s->step(s);
	if (s->buf.len >= 65536 || s->buf.code)
		flush(s);
	return s->code;
}

int weir_sink_close(struct weir_sink *s, struct weir_error *err)
{
	flush(s);
	if (s->put)
		weir_buf_fini(&s->buf);
	if (s->code && err && err->code == 0)
		*err = s->err;
	return s->code;
}
