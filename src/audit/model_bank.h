/* SPDX-License-Identifier: MIT */
/* model_bank.h - accounts between which money is moved: every read must find the same total, and nobody in debt. */
#ifndef AUDIT_MODEL_BANK_H
#define AUDIT_MODEL_BANK_H

#include "audit/model.h"

extern const struct model model_bank_accounts;

#endif
