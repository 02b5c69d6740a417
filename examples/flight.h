/* SPDX-License-Identifier: Apache-2.0 */
/* A row of examples/data/flights-20k.csv: scheduled departure, delay in minutes, miles, from, to. */
#ifndef EXAMPLES_FLIGHT_H
#define EXAMPLES_FLIGHT_H

#include <weir/weir.h>

#define FLIGHT(F) F(timestamp, date) F(int32, delay) F(int32, distance) F(string, origin) F(string, destination)
WEIR_RECORD(flight, FLIGHT)

#endif
