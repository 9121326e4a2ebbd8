#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants bugs in copies of the core, one at a time, and lets the simulator find them.

    bugs.py [--build DIR] [--short] [--seconds N] [NAME ...]

Each row of BUGS changes one place of src/core: its text must occur there exactly once, or the script fails, so that the
list keeps up with the code. The sources themselves are never touched. The simulator must report a violation within
N seconds (60) of the processor's time; those of DRIVE_BUGS with seeds that have drives. --short takes the few that are found at once. Ends with 1 if a bug survives.
"""
import argparse
import math
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORE = ROOT / "src" / "core"
OPERATIONS = 1000000  # of one seed
SHORT = ["swap-not-told", "layer-shared", "overlap", "sync-skipped", "answered-twice", "read-behind-end", "zero-of-one", "checkpoint-overtakes", "hold-of-changes-ignored"]

# name, file of src/core, text, replacement, and maybe more of those two
BUGS = [
    ("window-back", "window.c", "if (number == 0 || back >= BH_WINDOW_MAX)",
     "if (number == 0 || back >= BH_WINDOW_MAX - 1)"),
    ("window-ahead", "window.c", "return unseen + BH_WINDOW_MAX;", "return unseen + BH_WINDOW_MAX - 1;"),
    ("window-forgets", "window.c", "window->seen <<= step;", "window->seen = 0;"),
    ("status-not-stored", "window.c", "            window->status[(window->highest - back) % BH_WINDOW_MAX] = status;\n", "            (void)status;\n"),
    ("number-inferred-badly", "window.c", "return window->highest + ahead - NUMBERS_ON_WIRE;",
     "return window->highest + ahead;"),
    ("number-wraps", "window.c", "    return window->highest + ahead - NUMBERS_ON_WIRE;",
     "    return (window->highest + ahead) % NUMBERS_ON_WIRE;"),
    ("recorded-too-early", "number.c", "        bh_session_heard(server, session, &path->peer);\n        return true;",
     "        bh_window_record(session->window, n, 1, BH_OK);\n        bh_session_heard(server, session, &path->peer);\n        return true;"),
    ("copy-runs-again", "window.c", "if ((window->seen >> back & 1) == 0)", "if (status != NULL)"),
    ("not-recorded", "session.c", "        (!request->again || request->numbers > 1))\n",
     "        (request->again || request->count > 1))\n"),
    ("old-write-runs", "count.c", "return changes ? BH_COUNT_DROP : BH_COUNT_RUN;", "return changes ? BH_COUNT_RUN : BH_COUNT_RUN;"),
    ("old-by-a-few", "count.c", "if (step >= 128 && counts(count))", "if (step >= 128 && step < 250 && counts(count))"),
    ("counts-too-soon", "count.c", "count->run >= BH_COUNTING_RUN", "count->run >= 0"),
    ("overlap", "queue.c", "return (changes(later) || changes(earlier)) && overlap(later, earlier);",
     "return changes(later) && changes(earlier) && overlap(later, earlier);"),
    ("overlap-ignored", "queue.c", "        if (must_wait(request, earlier))\n            return true;",
     "        if (must_wait(request, earlier))\n            return false;"),
    ("sync-skipped", "volume.c", "    if (stable || lost) {", "    if (stable || lost || !request->discon) {"),
    ("discon-without-sync", "volume.c", "    if (stable || lost) {", "    if (stable || lost || request->discon) {"),
    ("failed-sync-is-ok", "volume.c", "            volume->poisoned ? BH_ERR_STORAGE : status);\n}\n\n/* The volume, and",
     "            BH_OK);\n}\n\n/* The volume, and"),
    ("poison-forgotten", "volume.c", "        at->poisoned = true;\n", "        at->poisoned = false;\n"),
    ("joins-running-sync", "volume.c", "    bh_list_append(&volume->commit_next, &request->commit);",
     "    bh_list_append(volume->service_runs ? &volume->commit_now : &volume->commit_next,\n"
     "                   &request->commit);"),
    ("opened-is-clean", "volume.c", "    if (!volume->attached && !bh_volume_is_virtual(volume))\n        bh_volume_dirtied",
     "    if (0)\n        bh_volume_dirtied"),
    ("readers-open-clean", "volume.c", "    if (!volume->attached && !bh_volume_is_virtual(volume))\n        bh_volume_dirtied",
     "    if (!volume->attached && job->access == BH_ACCESS_WRITER)\n        bh_volume_dirtied"),
    ("counter-stays", "volume.c", "        at->change_counter++;\n", ""),
    ("write-sync-ignored", "command.c", "if (status == BH_OK && volume->facts.sync == BH_SYNC_WRITE)",
     "if (status == BH_OK && volume->facts.sync != BH_SYNC_WRITE)"),
    ("failed-write-is-ok", "command.c", "        bh_volume_commit(server, volume, request);\n    else\n        bh_command_finish(server, request, status);",
     "        bh_volume_commit(server, volume, request);\n    else\n        bh_command_finish(server, request, BH_OK);"),
    ("failed-read-is-ok", "command.c", "    if (status == BH_OK)\n        reply_data(server, request);\n    else\n        bh_command_finish(server, request, status);",
     "    (void)status;\n    reply_data(server, request);"),
    ("read-behind-end", "command.c", "            end)\n        return BH_ERR_LSN;", "            end + 512)\n        return BH_ERR_LSN;"),
    ("reader-writes", "command.c", "    if (row->flags & BH_OP_CHANGES && session->access != BH_ACCESS_WRITER)\n        return BH_ERR_READ_ONLY;\n", ""),
    ("answered-twice", "request.c", "    request->reply_len = len;\n",
     "    request->reply_len = len;\n    if (request->strict && !request->discon)\n"
     "        bh_reply(server, &request->path, request->buffer, 6);\n"),
    ("reply-astray", "request.c", "    request->path = *path;\n", "    request->path = *path;\n    request->path.peer.port[3] ^= (uint8_t)(server->now % 97 == 0);\n"),
    ("other-host", "session.c", "    if (bh_peer_same_host(&session->peer, peer) || session->volume->facts.roam)\n        return session;\n    return NULL;",
     "    (void)peer;\n    return session;"),
    ("id-at-once", "limits.h", "#define BH_QUARANTINE_MS 120000u", "#define BH_QUARANTINE_MS 1000u"),
    ("lease-ignored", "limits.h", "#define BH_LEASE_MS 30000u", "#define BH_LEASE_MS 10000u"),
    ("lease-of-none", "lock.c", "        return silence_ms >= BH_LEASE_MS;", "        return true;"),
    ("takes-from-anyone", "lock.c", "    return facts->idle_ms != 0 && silence_ms >= facts->idle_ms;", "    return true;"),
    ("silence-ignored", "lock.c", "                                  : BH_SILENCE_MS);", "                                  : 0u);"),
    ("readers-beside-writers", "lock.c", "    return access == BH_ACCESS_WRITER || holder->access == BH_ACCESS_WRITER;",
     "    return access == BH_ACCESS_WRITER && holder->access == BH_ACCESS_WRITER;"),
    ("lock-by-name", "lock.c", "        !bh_volume_overlaps(holder->volume, volume))", "        holder->volume != volume)"),
    ("lock-moves-early", "lock.c", "            verdict = BH_WAIT;", "            verdict = BH_GRANTED;"),
    ("own-session-stays", "lock.c", "    return (own && ((holder->flags ^ flags) & BH_FLAG_LOOK) == 0) ||\n", "    return (own && false && ((holder->flags ^ flags) & BH_FLAG_LOOK) == 0) ||\n"),
    ("connect-displaces", "connect.c", "    pending = bh_pending_new(server, peer);\n",
     "    bh_lock_displace(server, volume, access, lookup->flags, peer);\n    pending = bh_pending_new(server, peer);\n"),
    ("pending-for-ever", "pending.c", "    if (session == NULL) {\n        bh_pending_end(server, pending, BH_ERR_SESSIONS);\n        return;",
     "    if (session == NULL) {\n        return;"),
    ("waiter-forgotten", "session.c", "    server->proving_due = true;\n", ""),
    ("lock-not-released", "session.c", "    volume->holders[session->access]--;\n", ""),
    ("session-not-kept", "session.c", "        bh_keep_statuses(server, session);\n    bh_session_keep_numbers(server, session, count, changes || status != BH_OK);\n",
     "        bh_keep_statuses(server, session);\n"),
    ("statuses-not-kept", "session.c", "        bh_keep_statuses(server, session);\n    bh_session_keep_numbers(", "        (void)server;\n    bh_session_keep_numbers("),
    ("run-takes-one-number", "session.c", "bh_window_record(session->window, number, count, status);", "bh_window_record(session->window, number, 1, status);"),
    ("run-numbered-alike", "request.c", "(uint16_t)(request->number + i)", "(uint16_t)(request->number + (i < 3 ? i : 3))"),
    ("run-overlaps-as-one", "queue.c", ": x - y < span(b);", ": x - y < b->job.piece;"),
    ("count-not-kept", "arrival.c", "        bh_session_keep_numbers(server, session, 1, changes);\n", "",
     "        bh_session_keep_numbers(server, session, 1, true);\n", ""),
    ("read-kept-too-late", "session.c", "    if (changes || session->unkept > BH_UNKEPT_MAX)\n", "    if (changes || session->unkept > 8 * BH_UNKEPT_MAX)\n"),
    ("unkept-forgotten", "window.c", "    window->unsure = window->highest + BH_UNKEPT_MAX + BH_WINDOW_MAX;\n", "    (void)window;\n"),
    ("write-kept-late", "session.c", "    if (changes || session->unkept > BH_UNKEPT_MAX)\n", "    (void)changes;\n    if (session->unkept > BH_UNKEPT_MAX)\n"),
    ("closed-not-kept", "session.c", "        bh_keep_closed(server, session->id);\n", ""),
    ("older-copy-restored", "table.c", "    if (a->stamp < b->stamp)\n        a = b;", "    if (a->stamp > b->stamp && b->stamp != 0)\n        a = b;"),
    ("newer-copy-overwritten", "table.c", "    if (first->stamp == 0 || first->stamp <= record->stamp)\n        record = first; /* the older one */",
     "    if (first->stamp == 0 || first->stamp > record->stamp)\n        record = first;"),
    ("half-record-believed", "table.c", "            if (!is_good(&shapes[kind], place_of(table, kind, i / 2), record))\n                memset(record, 0, record_len(&shapes[kind]));\n", ""),
    ("poison-not-kept", "keep.c", "        volume->poisoned = kept->poisoned != 0;\n", "",
     "        if (*bh_keep_failed(server, &server->volumes[slot]) != 0)\n", "        if (0)\n"),
    ("failure-noted-late", "keep.c", "        if (*bh_keep_failed(server, &server->volumes[slot]) != 0)\n",
     "        if (0)\n"),
    ("intent-not-kept", "queue.c", "        bh_keep_intent(server, request);", "        (void)bh_keep_intent;"),
    ("doubt-carried-out", "doubt.c", "        session->volume->doubtful = true;\n", "        session->volume->doubtful = false;\n"),
    ("doubts-are-done", "doubt.c", "        intents->of[doubt->at].hash == bh_doubt_hash(server, &doubt->job))",
     "        intents != NULL)"),
    ("greedy-host", "request.c", "        host->request_count >= server->config.request_count / 2) {", "        false) {"),
    ("zero-runs-beside", "queue.c", "    return request->job.kind == BH_JOB_WRITE ||\n           request->job.kind == BH_JOB_ZERO;\n}\n\nstatic bool is_heavy",
     "    return request->job.kind == BH_JOB_WRITE;\n}\n\nstatic bool is_heavy"),
    ("heavy-together", "queue.c", "    if (is_heavy(later) && is_heavy(earlier) &&",
     "    if (is_heavy(later) && is_heavy(earlier) && false &&"),
    ("checksum-is-light", "queue.c", "    return request->job.kind == BH_JOB_ZERO ||\n           request->job.kind == BH_JOB_CHECKSUM;",
     "    return request->job.kind == BH_JOB_ZERO;"),
    ("checkpoint-overtakes", "queue.c", "        return changes(earlier) || is_checkpoint(earlier);",
     "        return is_checkpoint(earlier);"),
    ("checkpoint-no-barrier", "queue.c", "    if (is_checkpoint(earlier))\n        return changes(later);",
     "    if (is_checkpoint(earlier))\n        return false;"),
    ("rival-overtakes", "queue.c", "other->checkpoints <= request->checkpoints",
     "other->checkpoints < request->checkpoints"),
    ("rival-ignored", "queue.c", "                      (changes(other) || is_checkpoint(other))\n",
     "                      is_checkpoint(other)\n"),
    ("rival-checkpoint-ignored", "queue.c", "    if (server->checkpoint_count > 0 && medium_blocks(",
     "    if (server->checkpoint_count > 1 && medium_blocks("),
    ("zero-grows", "heavy.c", "bh_request_fill_span(request, request->session->volume->facts.byte_count);",
     "bh_request_fill_span(request, bh_write_limit(request->session->volume));"),
    ("zero-of-one", "transfer.c", "    uint32_t len = request->count * sector_len;",
     "    uint32_t len = (request->job.kind == BH_JOB_ZERO ? 1 : request->count) * sector_len;"),
    ("run-past-the-end", "command.c", "((uint64_t)request->command.lsn + request->count - 1) *",
     "((uint64_t)request->command.lsn) *"),
    ("checksum-of-poison", "command.c", "    bh_queue_remove(server, volume, request);\n    if (status == BH_OK && volume->poisoned)\n        status = BH_ERR_STORAGE;\n    if (status != BH_OK) {",
     "    bh_queue_remove(server, volume, request);\n    if (status != BH_OK) {"),
    ("checkpoint-of-poison", "command.c", "    if (status == BH_OK && request->session->volume->poisoned)\n        status = BH_ERR_STORAGE;\n",
     ""),
    ("failed-checkpoint-is-ok", "command.c", "        status = BH_ERR_STORAGE;\n    bh_command_finish(server, request, status);\n}\n\nvoid bh_command_done",
     "        status = BH_ERR_STORAGE;\n    bh_command_finish(server, request, BH_OK);\n}\n\nvoid bh_command_done"),
    ("doubt-settled-and-done", "command.c", "    if (!request->strict || request->again)\n        return BH_NUMBER_NEW;",
     "    if (true)\n        return BH_NUMBER_NEW;"),
    ("zero-not-noted", "queue.c", "    if (changes(request) && request->strict &&\n",
     "    if (request->job.kind == BH_JOB_WRITE && request->strict &&\n"),
    ("checksum-short", "heavy.c", "    job->whole = request->count * BH_SECTOR_LEN(request->session->exponent);",
     "    job->whole = job->len;"),
    ("checkpoint-not-woken", "queue.c", "    if (server->checkpoint_count > 0)\n        wake_medium(server, volume);\n",
     ""),
    ("hold-does-not-hold", "hold.c", "            at->held |= BH_HELD_BY_ADMIN;\n",
     ""),
    ("hold-forgets-changes", "hold.c", "        server->checkpoint_count++;\n",
     "        (void)0;\n"),
    ("hold-of-changes-ignored", "queue.c", "    if (bh_hold_covers(server, &volume->facts, BH_HOLD_CHANGES))\n        return true;\n",
     ""),
    ("hold-still-too-early", "hold.c", "all ? !at->attached && !at->service_runs\n",
     "all ? !at->service_runs\n"),
    ("hold-still-beside-sync", "hold.c", "all ? !at->attached && !at->service_runs\n",
     "all ? !at->attached\n"),
    ("hold-still-beside-writes", "hold.c", "                     : bh_layer_is(at) || (!bh_queue_changes(at) &&\n",
     "                     : bh_layer_is(at) || (true &&\n"),
    ("hold-of-what-runs", "queue.c", "            (changes(request) || is_checkpoint(request)))\n            return true;\n    }\n    return false;\n}\n\nbool bh_queue_copies",
     "            is_checkpoint(request))\n            return true;\n    }\n    return false;\n}\n\nbool bh_queue_copies"),
    ("hold-before-queue", "volume.c", "        return bh_list_empty(&volume->queue) ? BH_ACCESS_NONE : volume->access;",
     "        return BH_ACCESS_NONE;"),
    ("hold-not-of-newcomers", "volume.c", "        volume->held = BH_HELD_BY_ADMIN;\n",
     "        volume->held = 0;\n"),
    ("hold-keeps-sleepers", "hold.c", "        bh_queue_wake(server, at);\n",
     ""),
    ("hold-keeps-parked", "hold.c", "        bh_volume_unpark(server, at);\n",
     ""),
    ("hold-lets-sessions", "hold.c", "            bh_session_end(server, session, BH_END_ADMIN);\n",
     "            (void)session;\n"),
    ("hold-runs-parked", "hold.c", "    refuse_parked(server, volume);\n",
     "    (void)refuse_parked;\n"),
    ("hold-no-counter", "hold.c", "    volume->change_counter++;\n",
     ""),
    ("parked-runs-held", "volume.c", "    if (!volume->attached || volume->doubtful || volume->held ||\n",
     "    if (!volume->attached || volume->doubtful ||\n"),
    ("hold-unsynced", "volume.c", "        (volume->dirty && (access_needed(volume) == BH_ACCESS_NONE ||\n                           access == BH_ACCESS_NONE))) {",
     "        (volume->dirty && access_needed(volume) == BH_ACCESS_NONE)) {"),
    ("zero-without-sync", "command.c", "    else if (request->job.kind <= BH_JOB_ZERO)\n",
     "    else if (request->job.kind <= BH_JOB_WRITE)\n"),
    ("checkpoint-not-recorded", "session.c", "        (!request->again || request->numbers > 1))\n",
     "        (!request->again || request->numbers > 1) && request->job.kind != BH_JOB_CHECKPOINT)\n"),
    ("zeros-hash-is-longer", "keep.c", "    intents.of[at].len = request->job.len;\n",
     "    intents.of[at].len = request->job.len < 128 ? request->job.len : 128;\n"),
    ("checksum-of-old", "arrival.c", "          arrival->count <= BH_HEAVY_LEN / BH_SECTOR_LEN(exponent);",
     "          arrival->count <= BH_HEAVY_LEN / BH_SECTOR_LEN(exponent) / 32;"),
    ("zero-left-half", "doubt.c", "        hash == bh_doubt_hash(server, &doubt->job))\n        return false;\n    memset",
     "        true)\n        return false;\n    memset"),
]


# What concerns slots and scratch volumes is in every fourth seed's world alone.
DRIVE_BUGS = [
    ("swap-unsynced", "volume.c", "        (volume->dirty && (access_needed(volume) == BH_ACCESS_NONE ||\n                           access == BH_ACCESS_NONE))) {",
     "        (volume->dirty && access_needed(volume) == BH_ACCESS_NONE && !volume->held)) {"),
    ("swap-before-sync", "server.c", "        bh_volumes_settle(server);\n        bh_swaps_advance(server);\n", "        bh_swaps_advance(server);\n        bh_volumes_settle(server);\n"),
    ("swap-attached", "slot.c", "        if (volume->attached || volume->service_runs)\n            return false;", "        if (volume->service_runs)\n            return false;"),
    ("swap-beside-service", "slot.c", "        if (volume->attached || volume->service_runs)\n            return false;", "        if (volume->attached)\n            return false;"),
    ("swap-does-not-hold", "slot.c", "    volume->held |= BH_HELD_BY_SLOT;\n", ""),
    ("swap-holds-for-ever", "slot.c", "    volume->held &= (uint8_t)~BH_HELD_BY_SLOT;\n", ""),
    ("swap-parks-for-ever", "slot.c", "    volume->unsure = false;\n    bh_volume_unpark(server, volume);\n", "    volume->unsure = false;\n"),
    ("swap-lock-ignored", "slot.c", "    if (!order->force && is_locked(server, &order->slot, NULL)) {", "    if (false) {"),
    ("swap-force-ignored", "slot.c", "    if (!order->force && is_locked(server, &order->slot, NULL)) {", "    if (is_locked(server, &order->slot, NULL)) {"),
    ("swap-poison-sticks", "slot.c", "    if (swap->job.name == NULL || (swap->ordered && swap->order.force))\n", "    if (swap->job.name == NULL)\n"),
    ("swap-of-poison", "slot.c", "    if (swap->job.name == NULL || (swap->ordered && swap->order.force))\n", "    if (true)\n"),
    ("eject-lock-ignored", "slot.c", "    if (status == BH_OK && bh_slot_is_locked_to(server, eject->session))\n        status = BH_ERR_IN_USE;\n    return status;",
     "    return status;", ),
    ("swap-not-told", "session.c", "                      : session->window != NULL    ? BH_ERR_CHANGED\n", "                      : session->window == NULL    ? BH_ERR_CHANGED\n"),
    ("swap-told-once", "session.c", "    if (!session->told || request->again || request->before ||\n", "    if (request->again || request->before ||\n"),
    ("told-before", "session.c", "    session->locks = session->told = false;\n", "    session->locks = false;\n"),
    ("lock-survives-swap", "session.c", "    session->locks = session->told = false;\n", "    session->told = false;\n"),
    ("base-not-max", "session.c", "        session->base = UINT64_MAX;\n", "        session->base = 0;\n"),
    ("swap-not-kept", "session.c", "        bh_keep_no_intents(server, session);\n    }\n    bh_keep_session(server, session);\n", "        bh_keep_no_intents(server, session);\n    }\n"),
    ("settled-not-kept", "session.c", "    session->refuse = BH_OK;\n    session->base = number;\n    bh_keep_session(server, session);\n", "    session->refuse = BH_OK;\n    session->base = number;\n"),
    ("move-keeps-access", "session.c", "    session->access = access;\n    join(server, session, volume);\n", "    join(server, session, volume);\n"),
    ("default-moves", "slot.c", "    if ((session->window == NULL && !to->facts.silent) ||\n", "    if (\n"),
    ("move-not-free", "slot.c", "        !bh_lock_is_free(server, to, access))\n", "        false)\n"),
    ("silent-is-told", "slot.c", "    if ((session->window == NULL && !to->facts.silent) ||\n", "    if (session->window == NULL ||\n"),
    ("pendings-stay", "slot.c", "        if (pending->volume == volume)\n            bh_pending_end(server, pending, BH_ERR_SESSION);\n", "        (void)pending;\n"),
    ("lookup-does-not-wait", "slot.c", "    if (swap->state != BH_SWAP_NONE || swap->unsure > 0) {", "    if (false) {"),
    ("lookups-forgotten", "slot.c", "    while (!bh_list_empty(&swap->lookups))\n        bh_connect_look_up(server, BH_OWNER(bh_list_take(&swap->lookups),\n                                            struct bh_lookup, link));\n", ""),
    ("slot-not-unsure", "slot.c", "    volume->unsure = true;\n    volume->held = BH_HELD_BY_SLOT;\n    server->swap.unsure++;\n", ""),
    ("unsure-for-ever", "slot.c", "    server->swap.unsure -= volume->unsure;\n    volume->unsure = false;\n", ""),
    ("failed-swap-moves", "slot.c", "    else if (status == BH_OK || asked)\n        change(server, status != BH_OK);", "    else if (true)\n        change(server, status != BH_OK);"),
    ("looker-locks", "eject.c", "    return session->access == BH_ACCESS_LOOK ? BH_ERR_READ_ONLY : BH_OK;", "    return BH_OK;"),
    ("lock-not-kept", "eject.c", "        bh_keep_session(server, session);\n", ""),
    ("unlock-locks", "eject.c", "    set_lock(server, request, false);", "    set_lock(server, request, true);"),
    ("eject-not-begun", "eject.c", "    if (status == BH_OK)\n        bh_slot_eject(server, request);\n    else\n        bh_command_finish", "        bh_command_finish"),
    ("layer-shared", "layer.c", "    if (facts.mode != BH_MODE_SCRATCH || access != BH_ACCESS_WRITER)\n        return volume;\n", "    if (true)\n        return volume;\n"),
    ("layer-not-discarded", "volume.c", "    job->discard = bh_layer_is_left(server, volume);\n", "    job->discard = false;\n"),
    ("layer-always-fresh", "volume.c", "    job->fresh = !volume->laid;\n", "    job->fresh = true;\n"),
    ("layer-never-laid", "volume.c", "    volume->laid = bh_layer_is(volume);\n", "    volume->laid = false;\n"),
    ("layer-not-restored", "keep.c", "        volume->laid = bh_layer_is(volume) && kept->attached != 0;\n", "        volume->laid = false;\n"),
    ("layer-is-dirty", "volume.c", "    if (volume->dirty || bh_layer_is(volume))\n        return;\n", "    if (volume->dirty)\n        return;\n"),
    ("layer-not-held", "layer.c", "    layer->held = volume->held;\n    if (layer->held & BH_HELD_BY_SLOT)\n        bh_slot_hold(server, layer);\n", ""),
    ("layer-of-another", "volume.c", "    return bh_facts_same(a, b) && a->layer == b->layer &&\n", "    return bh_facts_same(a, b) && (a->layer == 0) == (b->layer == 0) &&\n"),
    ("layer-unknown", "layer.c", "            !bh_list_empty(&volume->sessions))\n            return true;\n", "            volume->attached)\n            return true;\n"),
    ("layer-is-left", "layer.c", "    return volume->laid && bh_list_empty(&volume->sessions) &&\n", "    return volume->laid && bh_list_empty(&volume->sessions) && volume->attached &&\n"),
    ("layer-held-not-swapped", "layer.c", "        bh_slot_hold(server, layer);\n", "        (void)layer;\n"),
    ("swap-of-one-medium", "slot.c", "        if (is_of(volume, slot) &&\n            (bh_list_empty(&volume->idle) || volume->unsure))\n", "        if (is_of(volume, slot) && bh_facts_same_medium(&volume->facts, slot) &&\n            (bh_list_empty(&volume->idle) || volume->unsure))\n"),
    ("lock-of-one-medium", "slot.c", "        if (is_of(&server->volumes[i], slot) &&\n            is_locked_on", "        if (is_of(&server->volumes[i], slot) && server->volumes[i].facts.layer == slot->layer &&\n            is_locked_on"),
    ("parked-discon-is-4", "slot.c", "request->discon && !from->poisoned ? BH_OK : BH_ERR_SESSION);", "BH_ERR_SESSION);"),
    ("eject-answered-last", "slot.c", "    if (swap->eject != NULL)\n        finish_eject(server, swap->eject, status);\n    swap->eject = NULL;\n    release_volumes(server);\n", "    release_volumes(server);\n    if (swap->eject != NULL)\n        finish_eject(server, swap->eject, status);\n    swap->eject = NULL;\n"),
    ("unsure-not-held", "slot.c", "    volume->held = BH_HELD_BY_SLOT;\n", ""),
    ("ask-moves-nobody", "slot.c", "    else if (status == BH_OK || asked)\n", "    else if (status == BH_OK && !asked)\n"),
    ("left-is-held-on-to", "slot.c", "    if (session->state != BH_SESSION_ENDING || from->poisoned)\n", "    if (from != NULL)\n"),
    ("swap-leaves-parked", "slot.c", "        move_parked(server, volume);\n", "        (void)move_parked;\n"),
]


def mutate(bug, directory):
    """A copy of the core with the bug in it."""
    name, file, *changes = bug
    source = (CORE / file).read_text()
    for text, replacement in zip(changes[::2], changes[1::2]):
        found = source.count(text)
        if found != 1:
            sys.exit(f"{name}: its text occurs {found} times in src/core/{file}, and must once:\n{text}")
        source = source.replace(text, replacement)
    core = directory / "src" / "core"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(CORE, core)
    (core / file).write_text(source)
    return core


FLAGS = ["-std=gnu11", "-O2", "-g", "-fno-strict-aliasing", "-D_GNU_SOURCE", '-DBH_VERSION="bug"', "-Wno-unused"]


def compile_one(source, output, core, build):
    """The bug's own headers come first, then the build's (commit.h)."""
    where = [core.parent, build / "tests/sim", ROOT / "src", ROOT / "tests/sim"]
    includes = [flag for directory in where for flag in ("-I", str(directory))]
    subprocess.run(["gcc", *FLAGS, *includes, "-c", str(source), "-o", str(output)], check=True)
    return str(output)


def link(bug, directory, build):
    """The simulator with that core. All but the changed file comes from the build, unless a header was changed."""
    core = mutate(bug, directory)
    program = directory / "sim"
    objects = []
    rest = [build / "tests/sim/libsim_tiny_default.a", build / "tests/sim/libsim_tiny_strict.a", next(build.glob("src/**/libwire.a"))]
    if bug[1].endswith(".c"):
        objects.append(compile_one(core / bug[1], directory / "changed.o", core, build))
        objects += map(str, sorted((build / "tests/sim/sim.p").glob("*.o")))
        rest.append(next(build.glob("src/**/libcore.a")))
    else:
        for source in [*core.glob("*.c"), *(ROOT / "tests/sim").glob("*.c")]:
            if source.name != "tiny_form.c":
                objects.append(compile_one(source, directory / f"{source.parent.name}_{source.stem}.o", core, build))
    subprocess.run(["gcc", "-o", str(program), *objects, "-Wl,--start-group", *map(str, rest), "-Wl,--end-group"], check=True)
    return program


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def hunt(program, seconds, seeds):
    """What the simulator says, the seed, operations until then and seconds of the processor; None: nothing."""
    began = processor_seconds()
    operations = 0
    for seed in seeds:
        left = math.ceil(seconds - (processor_seconds() - began))
        if left <= 0:
            break
        done = subprocess.run([program, "--ops", str(OPERATIONS), "--seed", str(seed)], capture_output=True, text=True,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (left, left)))
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            break
        if done.returncode != 0:
            said = re.search(r"^VIOLATION: (.*)$", done.stdout, re.M)
            at = re.search(r"operation (\d+),", done.stdout)
            operations += int(at[1]) if at else 0
            said = said[1] if said else f"exit code {done.returncode}"
            return said, seed, operations, processor_seconds() - began
        operations += OPERATIONS
    return None, seed, operations, processor_seconds() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("names", nargs="*")
    choice = parser.parse_args()
    wanted = SHORT if choice.short else choice.names or [bug[0] for bug in BUGS + DRIVE_BUGS]
    build = choice.build.resolve()
    survived = 0
    print(f"{'bug':24} {'seed':>4} {'operations':>10} {'seconds':>7}  what the simulator said")
    for bug in BUGS + DRIVE_BUGS:
        if bug[0] not in wanted:
            continue
        seeds = range(4, 4000, 4) if bug in DRIVE_BUGS else range(1, 1000)
        said, seed, operations, seconds = hunt(link(bug, build / "bugs" / bug[0], build), choice.seconds, seeds)
        survived += said is None
        print(f"{bug[0]:24} {seed:4} {operations:10} {seconds:7.1f}  {said or 'NOTHING'}", flush=True)
    print(f"{len(wanted) - survived} passed, {survived} failed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
