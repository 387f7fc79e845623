/* SPDX-License-Identifier: MIT */
/* faultline.h - all of libfaultline. */
#ifndef FAULTLINE_FAULTLINE_H
#define FAULTLINE_FAULTLINE_H

#include <faultline/adaptive.h>
#include <faultline/balance.h>
#include <faultline/base.h>
#include <faultline/breaker.h>
#include <faultline/bulkhead.h>
#include <faultline/call.h>
#include <faultline/client.h>
#include <faultline/deadline.h>
#include <faultline/fallback.h>
#include <faultline/hedge.h>
#include <faultline/limiter.h>
#include <faultline/outlier.h>
#include <faultline/retry.h>
#include <faultline/shedder.h>

#endif
