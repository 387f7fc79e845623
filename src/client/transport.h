/* SPDX-License-Identifier: MIT */
/* transport.h - the HTTP client's way to servers: libcurl's multi interface, with its pool of connections. */
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H

#include "faultline/client.h"

/* A transport with the options of a client. 0 or -ENOMEM. It is ended with its free(). */
int transport_new(const struct fl_client_opts *opts, struct fl_transport *ret_transport);

#endif
