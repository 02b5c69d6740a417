/* SPDX-License-Identifier: Apache-2.0 */
/* Everything a job needs. */
#ifndef WEIR_H
#define WEIR_H

#include <weir/batch.h>
#include <weir/error.h>
#include <weir/flow.h>
#include <weir/str.h>
#include <weir/type.h>

#define WEIR_VERSION "0.1.0"

#endif
