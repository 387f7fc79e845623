/* SPDX-License-Identifier: MIT */
/*
 * model_log.h - logs as of Kafka: values are sent to a key and get an offset, polls return offsets and values.
 *
 * What is looked at, for each key: one offset has one value; a value has one offset; what was polled was sent, and not by a send
 * that failed; what was acknowledged and lies before the last offset polled was polled by somebody; a process's offsets grow as
 * it sends, and as it polls until it is assigned anew.
 */
#ifndef AUDIT_MODEL_LOG_H
#define AUDIT_MODEL_LOG_H

#include "audit/model.h"

extern const struct model model_log_keys;

#endif
