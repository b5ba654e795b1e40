/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * replay.h: what the files of the replay share. Nothing here knows fio.
 *
 * A replay group is what one LLM process was: data files with one mapping each, lanes (its threads), barriers
 * among them, a memory limit and a footprint. A job is one thread of fio that works for a group: with
 * streams=recorded job i is lane i, with streams=shared jobs are dealt the windows of all lanes.
 *
 * A group's life: eng_group_prepare() in fio's main thread, where everything that can be refused is refused;
 * eng_group_enter() by each job's thread, the first of which evicts the files, enters the memory cgroup and
 * starts the decoder; eng_job_next() and eng_job_touch() in turn; eng_group_leave() by each job, the last
 * of which puts everything back. The result is kept until eng_group_free().
 */
#ifndef ENG_REPLAY_H
#define ENG_REPLAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/settings.h"
#include "engines/ticks.h"
#include "host/balloon.h"
#include "host/host.h"
#include "traces/fltrace.h"

#define ENG_CACHE_LINE      64
#define ENG_RING_OPS        2048 /* ops read ahead for each lane; a power of two */
#define ENG_MAX_FILES       256
#define ENG_MAX_LANES       1024
#define ENG_KEPT            4
#define ENG_CHUNK_OPS       2048 /* windows of chunks read ahead for each lane; a power of two */
#define ENG_CHUNK_MAX       1024 /* windows: a longer chunk is dealt in parts */
#define ENG_EMPTY_NS        20000ull /* a job that finds no op sleeps so long */
#define ENG_MAX_EVALUATIONS 65536    /* of which times are kept */

/* ---- what a lane does ---------------------------------------------------- */

enum eng_op_kind {
	ENG_WINDOW = 1, /* touch [offset, offset + length) of file: a fio I/O */
	ENG_READ,       /* pread() it: a fio I/O */
	ENG_BARRIER,    /* offset: generation, need: group, length: participants */
	ENG_MARK,       /* offset: evaluation, length: tokens, file: 1 if it is measured */
	ENG_HINT,       /* hint, advice; offset, length of file */
	ENG_FOOTPRINT,  /* offset: bytes to hold */
	ENG_ANON,       /* touch [offset, offset + length) of what is held */
	ENG_IDLE,       /* sleep for length ns */
	ENG_EDGE,       /* wait until lane file has done its record offset */
	ENG_COMPUTE,    /* compute alone */
	ENG_POOL, /* take chunks until there are none; offset: generation, need: group, length: participants,
			 * in a ring: offset is the pool's place */
	ENG_CHUNK, /* shared: one chunk, length windows from place offset on */
	ENG_END,   /* of the selection; one pass is done */
	ENG_STOP,  /* nothing follows; offset: errno if the trace could not be read, else 0 */
};

/* One step of a lane: a cache line. */
struct eng_op {
	uint64_t offset;
	uint64_t length;
	uint64_t compute; /* own compute that follows, ns as recorded */
	uint64_t
		start; /* recorded start since the start of the pass, without what is skipped, ns */
	uint64_t seq;  /* of the record in its lane */
	uint64_t
		need; /* shared: so many ops have to be done before this one may begin; barrier: its group */
	uint8_t kind;
	uint8_t hint; /* enum flt_hint_op; of a window: ENG_DYNAMIC, ENG_CHUNK_FIRST */
	uint16_t file;
	uint32_t advice;
	uint64_t
		slot; /* shared: turn of this place in the ring, atomic; of a chunk: its pool's serial */
};

#define ENG_DYNAMIC     (1u << 0) /* part of a chunk that any lane may take */
#define ENG_CHUNK_FIRST (1u << 1)

/* Ops of one lane from the decoder to the lane's job: one writer, one reader, no lock. */
struct eng_ring {
	struct eng_op *op;
	_Alignas(ENG_CACHE_LINE) _Atomic uint64_t head; /* written by the decoder */
	_Alignas(ENG_CACHE_LINE) _Atomic uint64_t tail; /* written by the job, now and then */
	_Alignas(ENG_CACHE_LINE) uint64_t pos;          /* the job's own */
	uint64_t limit;                                 /* the job's last look at head */
};

/*
 * Windows of chunks, from the decoder to whoever takes them: see pool.h. A chunk lies in neighbouring places, the first
 * of which has the number of its windows in need. A place is free when its kind is 0.
 */
struct eng_chunks {
	struct eng_op *op; /* NULL before the first chunk */
	_Alignas(ENG_CACHE_LINE) uint64_t head,
		first; /* the decoder's own: next place; unpublished chunk */
	_Alignas(ENG_CACHE_LINE) _Atomic uint64_t published;
	uint64_t take; /* first chunk that nobody has taken; under the pools' lock */
};

/* Ops of all lanes to any job: one writer, many readers that take tickets. */
struct eng_deal {
	struct eng_op *op;
	_Alignas(ENG_CACHE_LINE) uint64_t head; /* the decoder's own */
	_Alignas(ENG_CACHE_LINE) _Atomic uint64_t ticket;
	_Alignas(ENG_CACHE_LINE) _Atomic uint64_t done; /* ops finished */
	struct eng_chunks chunks;
};

/* ---- why a replay ended ---------------------------------------------------- */

enum eng_end {
	ENG_RUNNING = 0,
	ENG_ENDED,      /* at the end of the selection */
	ENG_RUNTIME,    /* runtime= is over */
	ENG_NUMBER,     /* number_ios= is reached */
	ENG_SIGNAL,     /* fio was told to stop */
	ENG_ERROR,      /* an error in a job */
	ENG_BUS,        /* a data file shrank or could not be read */
	ENG_JOB,        /* a job of the group ended for another reason */
	ENG_NO_BARRIER, /* lanes wait for each other at different barriers */
	ENG_TRACE,      /* the trace is damaged */
};

const char *eng_end_name(enum eng_end end);

/* ---- data files ------------------------------------------------------------ */

struct eng_file {
	char *path;           /* where the data is here */
	const char *recorded; /* where it was; of the trace's definitions */
	uint64_t trace_id;
	uint64_t size;    /* bytes of it that the trace may touch */
	uint64_t address; /* recorded address of its first byte, modulo 2 MiB */
	int fd;
	uint8_t *map;
	size_t map_len;
	uintptr_t bus_base; /* where it was mapped, for messages after it is unmapped */
	uint64_t locked_from, locked_to; /* holds all of it that is locked; under hold_lock */
	struct host_datafile facts;
};

/* Opens the file and maps it as it was mapped: see mapping.c. 0 or -errno. */
int eng_file_map(struct eng_file *f, struct host_err *err);
void eng_file_unmap(struct eng_file *f);
/* madvise() and the like on it. HINT is an enum flt_hint_op. 0 or -errno. */
int eng_file_hint(struct eng_file *f, uint8_t hint, uint32_t advice, uint64_t offset,
		  uint64_t length);

/*
 * Faults on the mappings of GROUP that end in SIGBUS or SIGSEGV are caught from here on: the group is stopped, and
 * the lane goes on with a page of zeroes until it notices.
 */
struct eng_group;
int eng_bus_watch(struct eng_group *g, struct host_err *err);
void eng_bus_forget(struct eng_group *g);

/* ---- barriers -------------------------------------------------------------- */

#define ENG_COUNT_BITS  16
#define ENG_GENERATIONS 8 /* of one group that lanes can be in at the same time */

/*
 * A barrier group of the trace while somebody is in it. Runners make a group for every graph, so places are
 * used again: that is safe while nobody is inside, for a group that all have left has nothing to remember.
 */
struct eng_barrier {
	_Alignas(ENG_CACHE_LINE) _Atomic uint64_t id; /* FLT_NONE: free */
	_Atomic uint32_t inside;                      /* jobs between arrival and departure */
	_Atomic uint64_t count[ENG_GENERATIONS]; /* by generation modulo: its low bits, arrived */
	_Alignas(ENG_CACHE_LINE) _Atomic uint64_t released; /* 1 + the last generation that was */
};

/* ---- evaluations ------------------------------------------------------------ */

struct eng_evaluation {
	uint32_t index, pass;
	double start, end; /* seconds since the group's start; end 0: not finished */
	bool measured;
	_Atomic uint64_t major, minor, blocked, bytes, compute; /* compute in ticks */
	uint64_t read_bytes; /* HOST_UNKNOWN where /proc/self/io does not tell */
	uint64_t refaults;   /* pages; HOST_UNKNOWN where nothing was sampled */
	uint64_t held;       /* at its start, memory that is no page cache; HOST_UNKNOWN likewise */
};

/* What the machine and the process counted up to a moment. */
struct eng_snapshot {
	uint64_t when_ns;
	uint64_t process_read_bytes;
	uint64_t major, minor; /* of the process */
	double others_cpu; /* s: user time of other programs, and time stolen by a hypervisor; < 0: not known */
	struct host_memcg_stat memcg;
	uint64_t metric[HOST_METRIC_COUNT];
	struct host_diskstat disk[HOST_DEVICES_MAX];
	bool disk_known[HOST_DEVICES_MAX];
};

/* ---- lanes, jobs, groups --------------------------------------------------- */

/* A recorded lane as the trace has it. */
struct eng_lane {
	uint32_t id;
	char role[16];
	bool barriers; /* it meets others at all */
	_Alignas(ENG_CACHE_LINE) _Atomic uint64_t
		done_seq;            /* 1 + the last record it has done, for edges */
	_Atomic uint64_t evaluation; /* 1 + the one it is in */
	_Atomic uint64_t
		dealt_seq; /* 1 + the last of its records that was done as part of a chunk */
	struct eng_ring ring;
	struct eng_chunks chunks;
};

/* What a job has done; times are ticks. */
struct eng_counts {
	uint64_t windows, bytes, barriers, chunks;
	uint64_t compute, touch, waited;
	uint64_t major, minor, blocked;
	uint64_t preempted; /* ru_nivcsw */
	uint64_t switches;  /* ru_nvcsw */
	uint64_t sleeps;    /* own_sleeps at that time */
};

/* Asks the caller's world whether a job should end: ENG_RUNNING, or the reason. Called in waits, every 50 us or so. */
typedef enum eng_end (*eng_ask_fn)(void *arg);

/* A chunk that a job has taken. */
struct eng_hand {
	struct eng_chunks *from;
	struct eng_lane *lane; /* that it was recorded in; NULL with streams=shared */
	uint64_t at;           /* place of the next window */
	uint32_t left;         /* windows */
};

struct eng_pool;

struct eng_job {
	struct eng_group *group;
	struct eng_lane *lane; /* NULL with streams=shared */
	uint32_t index;        /* in the group */
	char name[64];
	enum eng_pace pace;
	double scale; /* ticks for a recorded ns of compute */
	eng_ask_fn ask;
	void *ask_arg;
	void *scratch; /* destination of read() */

	/* The job's thread alone, while it runs. */
	_Alignas(ENG_CACHE_LINE) struct eng_op op; /* shared: the op at hand */
	const struct eng_op *at;   /* op handed out by eng_job_next() and not finished */
	uint64_t debt;             /* ticks of compute that were spent already */
	uint64_t busy;             /* when it last computed; 0: it has waited since */
	uint64_t pass, pass_start; /* ticks */
	struct eng_barrier *last;  /* barrier group it was in last */
	struct eng_pool *pool;     /* it takes chunks of */
	struct eng_hand hand;
	uint64_t gate; /* 1 + evaluation that the main lane has to be in before this lane goes on */
	uint8_t sink;
	bool entered, finished, left;

	/* Counted, read by others when the job is done. */
	struct eng_counts count, base; /* base: when the measured part began */
	struct eng_counts last_count;  /* at the last mark */
	uint64_t own_sleeps, starved, pools_left;
	uint64_t entry;      /* evaluation entry it is accounted to; UINT64_MAX: none */
	bool measuring;      /* the measured part has begun */
	uint64_t epoch_seen; /* shared */
};

enum eng_action {
	ENG_SKIP, /* not replayed; but what it leaves behind (advice, footprint) is */
	ENG_WARM, /* replayed, not measured */
	ENG_MEASURE,
};

struct eng_selection {
	uint64_t first, last;       /* measured evaluations, both included; entry 0 is the load */
	uint64_t warm;              /* evaluations before, unmeasured, without load and prompt */
	uint32_t phases;            /* bit per enum flt_mark_class that is replayed */
	uint64_t count;             /* evaluations in the trace, the load included */
	uint8_t *action;            /* enum eng_action of each */
	uint64_t *skipped;          /* recorded ns left out before each */
	uint64_t *ordinal;          /* how many measured or warm ones come before each */
	uint64_t warm_bytes, bytes; /* of all lanes in one pass */
	uint64_t warm_ns;           /* recorded time of the unmeasured ones */
	bool prefix;                /* something unmeasured comes first */
};

struct eng_decoder;
struct eng_pools;
struct eng_recorded;

struct eng_group {
	struct eng_group *next;
	char *key;
	char first_name[64];     /* of its first job */
	char *kept[ENG_KEPT];    /* strings of the settings */
	struct eng_settings set; /* what is the same for all its jobs */
	uint64_t loops;          /* passes; UINT64_MAX: until the runtime is over */
	bool invalidate;         /* evict first */
	bool inert;              /* create_only=1: files are laid out, nothing runs */

	struct flt_reader *trace;
	struct flt_plan *plan;
	struct eng_selection sel;
	struct eng_file *file;
	uint32_t files;
	struct eng_lane *lane;
	uint32_t lanes, main_lane, barrier_lanes;
	struct eng_job *job;
	uint32_t jobs, cpus; /* that they may use */
	bool shared, spin;   /* spin at barriers */
	uint64_t limit;      /* bytes; HOST_UNKNOWN: none */
	uint64_t page;       /* this machine's */

	/* Coming and going; under the lock. */
	pthread_mutex_t lock;
	uint32_t added, inside, left;
	bool started, ended, claimed;
	int start_error;
	_Atomic uint32_t arrived; /* jobs that are ready to begin */
	_Atomic uint32_t go;

	/* Running. */
	_Alignas(ENG_CACHE_LINE) _Atomic uint32_t stop; /* enum eng_end; the first reason stays */
	_Alignas(ENG_CACHE_LINE) _Atomic uint32_t
		turn; /* changes whenever a sleeper should look again */
	_Atomic uint32_t sleepers;
	_Alignas(ENG_CACHE_LINE) _Atomic uint64_t
		step;            /* jobs that have come to the end of a pass */
	_Atomic uint64_t passes; /* finished */
	struct eng_barrier *barrier;
	uint32_t barriers; /* places: more than there are jobs */
	pthread_mutex_t barrier_lock;
	_Atomic uint32_t stuck; /* jobs that have waited for long */
	struct eng_deal deal;
	struct eng_decoder *decoder;
	struct eng_pools *pools;
	char stop_text[HOST_ERR_MAX + 512];
	uint32_t stop_job;
	_Atomic uintptr_t bus_address;

	/* Pressure. */
	struct host_memcg *memcg;
	struct host_balloon *balloon;
	json_t *balloon_facts; /* when it was released */
	char memcg_path[HOST_PATH_MAX];
	enum host_memcg_version memcg_version;
	pthread_mutex_t hold_lock;
	uint8_t *held;
	size_t held_len, held_cap;
	uint64_t held_end; /* at the end */
	uint64_t footprint, own_bytes;
	uint64_t evicted, left_bytes;
	struct eng_recorded *recorded; /* what the recorded run held; NULL: not known */
	bool swap, advised;

	/* Measuring. */
	uint64_t start_ns, start_wall_ns, start_ticks;
	struct eng_evaluation *evaluation;
	uint64_t evaluations, evaluations_dropped;
	uint64_t current;       /* entry being timed; UINT64_MAX none */
	_Atomic uint64_t epoch; /* shared: changes with every mark; 1 + entry * 2 + measured */
	uint64_t current_bytes;
	uint64_t sampled_ns;       /* when the last mark was sampled; 0: none was */
	uint64_t current_refaults; /* at the start of the entry being timed */
	struct host_device device[HOST_DEVICES_MAX];
	int devices;
	struct host_sampler *sampler;
	struct eng_snapshot from, to;
	bool from_taken, to_taken;
	uint64_t measure_start_ns, measure_end_ns;
	json_t *machine, *drive;
	json_t *warnings;
	char *result_path;
	char fio_version[64];
};

/* Stops the group: the first reason is the one that counts. Async-signal-safe with a NULL text. */
void eng_stop(struct eng_group *g, enum eng_end why, uint32_t job, const char *text);
/* A warning for the result; formatted, kept once. Main thread or under the lock. */
void eng_warn(struct eng_group *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline enum eng_end eng_stopped(struct eng_group *g)
{
	return (enum eng_end)atomic_load_explicit(&g->stop, memory_order_relaxed);
}

#endif
