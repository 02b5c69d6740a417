/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of examples/data/flights-20k.csv: real departure, delay in minutes, miles, from, to; in the order of real departures. */
#ifndef EXAMPLES_FLIGHT_H
#define EXAMPLES_FLIGHT_H

#include <weir/weir.h>

#define DEPARTURE(F) F(timestamp, date) F(int32, delay) F(int32, distance) F(string, origin) F(string, destination)
WEIR_RECORD(departure, DEPARTURE)

#endif
