#!/bin/sh
exec slapd -d 0 -h ldap://127.0.0.1:3389
