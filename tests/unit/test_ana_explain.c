// SPDX-License-Identifier: GPL-2.0-only
/*
 * How `faultline explain` tells the time of an evaluation apart: lanes, barriers, the critical
 * path.
 */
#include "flt_fixture.h"

#include <math.h>

#include "analysis/explain.h"

#define MAIN   0
#define WORKER 1
#define THIRD  2

static struct ana_lanes *open_lanes(void)
{
	struct ana_lanes *l;

	assert_int_equal(ana_lanes_open(&l, 3), 0);
	return l;
}

static void barrier(struct ana_lanes *l, size_t stream, uint64_t start, uint64_t end,
		    uint64_t group, uint64_t generation, uint64_t participants)
{
	struct flt_record r = {.start = start, .dur = end - start, .kind = FLT_BARRIER};

	r.f[FLT_BARRIER_GROUP] = group;
	r.f[FLT_BARRIER_GENERATION] = generation;
	r.f[FLT_BARRIER_PARTICIPANTS] = participants;
	assert_int_equal(ana_lanes_add_barrier(l, stream, &r), 0);
}

static void part(struct ana_lanes *l, size_t stream, uint64_t start, uint64_t end,
		 enum ana_part what)
{
	assert_int_equal(ana_lanes_add(l, stream, start, end, what, true), 0);
}

static void assert_near(double a, double b)
{
	if (fabs(a - b) > 1e-6)
		fail_msg("%.6f is not %.6f", a, b);
}

/* Ends the evaluation; both ways have to add up to WALL. */
static struct ana_moment finish(struct ana_lanes *l, double wall)
{
	struct ana_moment m;
	double mean = 0, path = 0;

	ana_lanes_end(l, &m);
	for (int p = 0; p < ANA_PARTS; p++) {
		mean += m.mean[p];
		path += m.path[p];
	}
	assert_near(mean, wall);
	assert_near(path, wall);
	return m;
}

static void the_last_to_come_is_the_path(void **state)
{
	struct ana_lanes *l = open_lanes();
	struct ana_moment m;

	(void)state;
	ana_lanes_begin(l, 1000, 2000, MAIN);
	part(l, MAIN, 1000, 1300, ANA_PART_FAULT);
	part(l, WORKER, 1000, 1100, ANA_PART_READ);
	barrier(l, MAIN, 1400, 1410, 0, 0, 2);
	barrier(l, WORKER, 1200, 1420, 0, 0, 2);
	barrier(l, MAIN, 1500, 1705, 0, 1, 2);
	barrier(l, WORKER, 1700, 1700, 0, 1, 2);
	m = finish(l, 1000);
	assert_int_equal(m.lanes, 2);
	/*
	 * main until 1400, its barrier until the worker goes on at 1420, the worker until 1700,
	 * main from 1705
	 */
	assert_near(m.path[ANA_PART_FAULT], 300);
	assert_near(m.path[ANA_PART_BARRIER], 20 + 5);
	assert_near(m.path[ANA_PART_COMPUTE], 100 + 280 + 295);
	assert_near(m.path[ANA_PART_READ], 0);
	assert_near(m.mean[ANA_PART_BARRIER], (10 + 205 + 220 + 0) / 2.0);
	assert_near(m.mean[ANA_PART_READ], 50);
	assert_near(m.mean[ANA_PART_REST], 150); /* the worker's last 300 */
	ana_lanes_close(l);
}

static void what_encloses_gets_what_is_left(void **state)
{
	struct ana_lanes *l = open_lanes();
	struct ana_moment m;

	(void)state;
	ana_lanes_begin(l, 0, 1000, MAIN);
	/* a read with two faults and a sleep in it */
	part(l, MAIN, 110, 130, ANA_PART_FAULT);
	part(l, MAIN, 140, 170, ANA_PART_OFFCPU);
	assert_int_equal(ana_lanes_add_blocked(l, MAIN, 180, 190, 6, 3, true), 0);
	part(l, MAIN, 100, 200, ANA_PART_READ);
	/* a sleep at a barrier, and one outside */
	part(l, MAIN, 310, 350, ANA_PART_OFFCPU);
	barrier(l, MAIN, 300, 400, 0, 0, 1);
	part(l, MAIN, 500, 550, ANA_PART_OFFCPU);
	/* a zap during which the thread was off its CPU, too */
	part(l, MAIN, 605, 640, ANA_PART_OFFCPU);
	part(l, MAIN, 600, 650, ANA_PART_ZAP);
	m = finish(l, 1000);
	assert_near(m.mean[ANA_PART_FAULT], 20);
	assert_near(m.mean[ANA_PART_DRIVE], 6);
	assert_near(m.mean[ANA_PART_QUEUED], 3);
	assert_near(m.mean[ANA_PART_STALL], 1);
	assert_near(m.mean[ANA_PART_READ], 70);
	assert_near(m.mean[ANA_PART_BARRIER], 100);
	assert_near(m.mean[ANA_PART_OFFCPU], 50);
	assert_near(m.mean[ANA_PART_ZAP], 50);
	assert_near(m.mean[ANA_PART_COMPUTE], 700);
	ana_lanes_close(l);
}

static void borders_cut(void **state)
{
	struct ana_lanes *l = open_lanes();
	struct ana_moment m;

	(void)state;
	ana_lanes_begin(l, 1000, 2000, MAIN);
	part(l, MAIN, 900, 1050, ANA_PART_FAULT);
	part(l, WORKER, 1950, 2500, ANA_PART_FAULT);
	barrier(l, MAIN, 1900, 2100, 0, 7, 2);
	m = finish(l, 1000);
	assert_near(m.mean[ANA_PART_FAULT], 50); /* of two lanes, 50 each */
	assert_near(m.mean[ANA_PART_BARRIER], 50);
	ana_lanes_close(l);
}

static void unknown_participants(void **state)
{
	struct ana_lanes *l = open_lanes();
	struct ana_moment m;

	(void)state;
	ana_lanes_begin(l, 0, 1000, MAIN);
	/*
	 * How many meet is known from the second barrier on; the first is over before it all the
	 * same.
	 */
	barrier(l, MAIN, 100, 300, 0, 0, 0);
	barrier(l, WORKER, 300, 300, 0, 0, 0);
	barrier(l, MAIN, 600, 600, 0, 1, 2);
	barrier(l, WORKER, 500, 600, 0, 1, 2);
	/* never told, and somebody's record is missing */
	barrier(l, MAIN, 700, 800, 0, 2, FLT_NONE);
	barrier(l, MAIN, 850, 900, 0, 4, FLT_NONE);
	m = finish(l, 1000);
	assert_near(m.path[ANA_PART_BARRIER], 100 + 50);
	assert_near(m.path[ANA_PART_REST], 300); /* the worker's way to its first record */
	ana_lanes_close(l);
}

static void no_barriers_no_path(void **state)
{
	struct ana_lanes *l = open_lanes();
	struct ana_moment m;

	(void)state;
	ana_lanes_begin(l, 0, 1000, SIZE_MAX);
	part(l, MAIN, 100, 200, ANA_PART_FAULT);
	part(l, WORKER, 100, 600, ANA_PART_FAULT);
	m = finish(l, 1000);
	assert_memory_equal(m.path, m.mean, sizeof(m.path));
	assert_near(m.mean[ANA_PART_FAULT], 300);
	/* A thread that only slept is no lane; neither is one of the evaluation before. */
	ana_lanes_begin(l, 1000, 1500, MAIN);
	part(l, MAIN, 1100, 1200, ANA_PART_FAULT);
	assert_int_equal(ana_lanes_add(l, THIRD, 1000, 1500, ANA_PART_OFFCPU, false), 0);
	m = finish(l, 500);
	assert_int_equal(m.lanes, 1);
	assert_near(m.mean[ANA_PART_FAULT], 100);
	/* nobody at all */
	ana_lanes_begin(l, 1500, 1600, MAIN);
	m = finish(l, 100);
	assert_near(m.mean[ANA_PART_REST], 100);
	ana_lanes_close(l);
}

/* A pseudo-random run: whatever happens, the parts add up. */
static void parts_add_up(void **state)
{
	struct ana_lanes *l = open_lanes();
	uint64_t seed = 42;

	(void)state;
	for (int run = 0; run < 200; run++) {
		uint64_t now[3] = {0}, end = 0;

		ana_lanes_begin(l, 100, 50000,
				(size_t)(run % 4) == 3 ? SIZE_MAX : (size_t)(run % 4));
		for (uint64_t generation = 0; generation < 12; generation++) {
			uint64_t release = 0, arrival[3];

			for (size_t i = 0; i < 3; i++) {
				for (int k = 0; k < 5; k++) {
					uint64_t gap, dur;

					seed = seed * 6364136223846793005u + 1442695040888963407u;
					gap = seed >> 33 & 255;
					dur = seed >> 45 & 511;
					part(l, i, now[i] + gap, now[i] + gap + dur,
					     k & 1 ? ANA_PART_FAULT : ANA_PART_READ);
					now[i] += gap + dur;
				}
				arrival[i] = now[i];
				release = arrival[i] > release ? arrival[i] : release;
			}
			for (size_t i = 0; i < 3; i++) {
				now[i] = release + 3 * i;
				barrier(l, i, arrival[i], now[i], 0, generation, 3);
			}
			end = release;
		}
		finish(l, 50000 - 100);
		assert_true(end > 0);
	}
	ana_lanes_close(l);
}

static void shares_of_the_drive(void **state)
{
	struct ana_phase_sum p = {.pairs = 1};
	double part_ns[2][ANA_PARTS] = {{0}}, bytes, speed;

	(void)state;
	part_ns[0][ANA_PART_DRIVE] = 10;
	part_ns[1][ANA_PART_DRIVE] = 15;
	part_ns[1][ANA_PART_QUEUED] = 5;
	p.tally[0][ANA_T_REQUEST_BYTES] = 1000;
	/* twice the waits for twice the bytes: all of it is what was read */
	p.tally[1][ANA_T_REQUEST_BYTES] = 2000;
	ana_explain_drive(&p, part_ns, &bytes, &speed);
	assert_near(bytes, 10);
	assert_near(speed, 0);
	/* for the same bytes: all of it is the drive */
	p.tally[1][ANA_T_REQUEST_BYTES] = 1000;
	ana_explain_drive(&p, part_ns, &bytes, &speed);
	assert_near(bytes, 0);
	assert_near(speed, 10);
	/* nothing was read, or nobody knows */
	p.tally[0][ANA_T_REQUEST_BYTES] = p.tally[1][ANA_T_REQUEST_BYTES] = 0;
	ana_explain_drive(&p, part_ns, &bytes, &speed);
	assert_near(bytes, 0);
	assert_near(speed, 10);
	p.tally[1][ANA_T_REQUEST_BYTES] = 5;
	ana_explain_drive(&p, part_ns, &bytes, &speed);
	assert_near(bytes, 10);
	assert_near(speed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_to_come_is_the_path),
		cmocka_unit_test(what_encloses_gets_what_is_left),
		cmocka_unit_test(borders_cut),
		cmocka_unit_test(unknown_participants),
		cmocka_unit_test(no_barriers_no_path),
		cmocka_unit_test(parts_add_up),
		cmocka_unit_test(shares_of_the_drive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
