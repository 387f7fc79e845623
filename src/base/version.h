/* SPDX-License-Identifier: MIT */
/* version.h - what this program is called by its versions. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define VERSION_FAULTLINE "0.1.0"
/* Toxiproxy's API is spoken as of this version; its clients decide by it what they may use. */
#define VERSION_TOXIPROXY "2.12.0"
/* Level of the API under /v1; grows when something in it changes incompatibly. */
#define VERSION_API 1
#define VERSION_API_TEXT "1"

#endif
