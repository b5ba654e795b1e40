/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/hooks_kernel.h: those members of the kernel's types that the programs look at. Where they are
 * is found out when the programs are loaded, from the running kernel's BTF.
 */
#ifndef REC_HOOKS_KERNEL_H
#define REC_HOOKS_KERNEL_H

#define own __attribute__((preserve_access_index))

struct super_block {
	__u32 s_dev;
} own;

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	long long i_size;
	struct super_block *i_sb;
} own;

struct file {
	struct inode *f_inode;
	unsigned int f_flags;
	long long f_pos;
} own;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} own;

struct files_struct {
	struct fdtable *fdt;
} own;

struct blk_mq_ops;
struct gendisk;

struct request_queue {
	const struct blk_mq_ops *mq_ops;
	struct gendisk *disk;
} own;

struct gendisk {
	int major;
	int first_minor;
	struct request_queue *queue;
} own;

struct request {
	struct request_queue *q;
	unsigned long long __sector;
} own;

struct block_device {
	__u32 bd_dev;
	struct gendisk *bd_disk;
} own;

struct bvec_iter {
	unsigned long long bi_sector;
	unsigned int bi_size;
} own;

struct bio {
	struct block_device *bi_bdev;
	struct bvec_iter bi_iter;
} own;

struct list_head {
	struct list_head *next;
} own;

struct task_io_accounting {
	__u64 read_bytes;
} own;

/* Its counts are those of the threads that have ended. */
struct signal_struct {
	struct {
		int counter;
	} live;
	struct list_head thread_head;
	unsigned long min_flt, maj_flt;
	struct task_io_accounting ioac;
} own;

struct task_struct {
	unsigned int flags;
	unsigned int ptrace;
	unsigned int __state;
	int pid;
	unsigned long nvcsw;
	unsigned long min_flt, maj_flt;
	struct files_struct *files;
	struct signal_struct *signal;
	struct list_head thread_node;
	struct task_io_accounting ioac;
	struct {
		unsigned long sig[1];
	} blocked;
} own;

struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
} own;

struct trace_event_raw_sys_exit {
	long id;
	long ret;
} own;

struct trace_event_raw_task_newtask {
	int pid;
	unsigned long clone_flags;
} own;

#define PF_KTHREAD   0x00200000
#define PF_KSWAPD    0x00020000
#define TASK_DEAD    0x00000080
#define CLONE_THREAD 0x00010000
#define S_IFMT       0170000
#define S_IFREG      0100000

#endif
