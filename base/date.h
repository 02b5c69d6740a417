/* SPDX-License-Identifier: Apache-2.0 */
/* The proleptic Gregorian calendar, for any year of some billions. Pure. */
#ifndef WEIR_BASE_DATE_H
#define WEIR_BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>

/* Days since 1970-01-01. The date must exist. */
int64_t weir_days_of_date(int64_t year, int month, int day);
void weir_date_of_days(int64_t days, int64_t *year, int *month, int *day);
bool weir_date_exists(int64_t year, int64_t month, int64_t day);

#endif
