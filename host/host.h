/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/host.h: all of this room: what we do to and learn from a machine.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "host/balloon.h"
#include "host/datafile.h"
#include "host/device.h"
#include "host/evict.h"
#include "host/facts.h"
#include "host/janitor.h"
#include "host/memcg.h"
#include "host/mount.h"
#include "host/sample.h"
#include "host/score.h"
#include "host/tunables.h"
#include "host/util.h"

#endif
