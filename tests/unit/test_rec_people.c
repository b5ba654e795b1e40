// SPDX-License-Identifier: GPL-2.0-only
/* A process lives as long as one of its threads, whatever becomes of the first one, and has its program's name. */
#include "tests/unit/flt_fixture.h"
#include "tracer/world.h"

#define EPOCH  1000000ull
#define PID    4000000 /* above pid_max: nobody */
#define WORKER 4000001
#define CHILD  4000002

struct recording {
	struct fixture *fixture;
	struct rec_sink sink;
	struct rec_world world;
	uint64_t now;
};

static void begin(struct recording *r, void **state)
{
	json_t *header = json_object();

	memset(r, 0, sizeof(*r));
	r->fixture = *state;
	unlink(r->fixture->path);
	assert_int_equal(flt_writer_create(&r->sink.writer, r->fixture->path, header, NULL), 0);
	json_decref(header);
	r->sink.epoch = r->now = EPOCH;
	assert_int_equal(rec_world_open(&r->world, &r->sink, PID), 0);
	assert_non_null(rec_thread_get(&r->world, PID, PID));
}

static void happens(struct recording *r, uint32_t kind, pid_t pid, pid_t tid, const char *comm)
{
	struct rec_event_task e = {
		.h = {.end = ++r->now, .word = kind, .tid = (uint32_t)tid},
		.pid = pid,
		.parent_pid = PID,
		.parent_tid = PID,
	};

	strncpy(e.comm, comm, sizeof(e.comm) - 1);
	rec_world_event(&r->world, &e.h);
}

static void end(struct recording *r)
{
	rec_world_finish(&r->world);
	assert_int_equal(r->sink.error, 0);
	assert_int_equal(flt_writer_finish(&r->sink.writer, NULL), 0);
	rec_world_close(&r->world);
}

/* How the process' stream is called in the trace. */
static void assert_named(struct recording *r, pid_t pid, const char *comm)
{
	struct flt_reader *reader;
	unsigned int found = 0;
	const json_t *def;
	size_t i;

	assert_int_equal(flt_open(&reader, r->fixture->path, 0, NULL, 0), 0);
	json_array_foreach ((json_t *)flt_definitions(reader, "stream"), i, def) {
		if (strcmp(json_string_value(json_object_get(def, "type")), "process") != 0 ||
		    json_integer_value(json_object_get(def, "pid")) != pid)
			continue;
		found++;
		assert_string_equal(json_string_value(json_object_get(def, "comm")), comm);
	}
	assert_int_equal(found, 1);
	flt_close(reader);
}

static void exec_of_another_thread_goes_on_in_the_same_process(void **state)
{
	struct recording r;

	begin(&r, state);
	happens(&r, REC_EV_TASK_NEW, PID, WORKER, "");
	/* the worker calls exec(): the first thread ends, and the worker gets its number */
	happens(&r, REC_EV_TASK_EXIT, PID, PID, "");
	assert_false(r.world.root->ended);
	happens(&r, REC_EV_EXEC, PID, PID, "program");
	assert_false(r.world.root->ended);
	assert_true(r.world.root->in_exec);
	assert_null(rec_thread_find(&r.world, WORKER));
	assert_string_equal(rec_thread_find(&r.world, PID)->comm, "program");
	happens(&r, REC_EV_TASK_NEW, CHILD, CHILD, "");
	assert_non_null(rec_thread_find(&r.world, CHILD));
	happens(&r, REC_EV_TASK_EXIT, PID, PID, "");
	assert_true(r.world.root->ended);
	end(&r);
	assert_named(&r, PID, "program");
}

static void the_last_thread_ends_the_process(void **state)
{
	struct recording r;

	begin(&r, state);
	happens(&r, REC_EV_TASK_NEW, PID, WORKER, "");
	happens(&r, REC_EV_TASK_EXIT, PID, PID, "");
	assert_false(r.world.root->ended);
	assert_non_null(rec_thread_find(&r.world, WORKER));
	happens(&r, REC_EV_TASK_NEW, PID, CHILD, ""); /* made by the worker */
	happens(&r, REC_EV_TASK_EXIT, PID, WORKER, "");
	assert_false(r.world.root->ended);
	happens(&r, REC_EV_TASK_EXIT, PID, CHILD, "");
	assert_true(r.world.root->ended);
	/* its number may be a stranger's by now */
	happens(&r, REC_EV_TASK_NEW, PID, WORKER, "");
	assert_null(rec_thread_find(&r.world, WORKER));
	end(&r);
}

static void a_process_has_its_programs_name(void **state)
{
	struct recording r;

	begin(&r, state);
	happens(&r, REC_EV_EXEC, PID, PID, "shell");
	happens(&r, REC_EV_TASK_NEW, CHILD, CHILD, "");
	happens(&r, REC_EV_EXEC, CHILD, CHILD, "tool");
	end(&r);
	assert_named(&r, PID, "shell");
	assert_named(&r, CHILD, "tool");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(exec_of_another_thread_goes_on_in_the_same_process,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(the_last_thread_ends_the_process, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_process_has_its_programs_name, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
