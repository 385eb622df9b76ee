"""Makes the domain that tests log in to: python3 domain.py FOLDER. Needs python3-samba, and root."""

import logging
import sys

import ldb
from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.provision import provision
from samba.samdb import SamDB

PASSWORD = "Partner-Passw0rd"
BASE = "DC=ad,DC=example,DC=test"
KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop alice"
)
NEVER_OLD = 0x200 | 0x10000
DISABLED = 0x2


def main(folder):
    parameters = LoadParm()
    made = provision(
        logging.getLogger(),
        system_session(),
        targetdir=folder,
        realm="AD.EXAMPLE.TEST",
        domain="AD",
        hostname="dc1",
        hostip="127.0.0.1",
        adminpass="Adm1n-Passw0rd",
        serverrole="active directory domain controller",
        dns_backend="NONE",
        dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2,
        # Files are never served, so their rights need not be kept.
        skip_sysvolacl=True,
        lp=parameters,
    )
    sam = SamDB(url=made.paths.samdb, session_info=system_session(), lp=parameters)
    people(sam)
    groups(sam)
    rules(sam)


def people(sam):
    sam.create_ou(f"OU=Partners,{BASE}")
    user(sam, "alice")
    user(sam, "bob")
    user(sam, "locked")
    user(sam, "disabled", userAccountControl=NEVER_OLD | DISABLED)
    user(sam, "expired", accountExpires=131_000_000_000_000_000)
    user(sam, "hours", logonHours=bytes(21))
    # What a password's age says holds for those whose passwords get old.
    user(sam, "mustchange", userAccountControl=0x200, pwdLastSet=0)
    user(sam, "oldpassword", userAccountControl=0x200)
    bypass = [f"local_oid:{dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID}:0"]
    old = f"CN=oldpassword,OU=Partners,{BASE}"
    change(sam, old, controls=bypass, pwdLastSet=130_000_000_000_000_000)
    user(sam, "pierhead")
    change(sam, f"CN=Administrator,CN=Users,{BASE}", userAccountControl=NEVER_OLD)


def user(sam, name, **attributes):
    sam.newuser(name, PASSWORD, userou="OU=Partners")
    attributes.setdefault("userAccountControl", NEVER_OLD)
    change(sam, f"CN={name},OU=Partners,{BASE}", altSecurityIdentities=KEY, **attributes)


def groups(sam):
    for name in ("sftp", "acme", "acme-staff", "loop-a", "loop-b"):
        sam.newgroup(name, groupou="OU=Partners")
    everybody = [
        "bob", "locked", "disabled", "expired", "hours", "mustchange", "oldpassword", "acme",
    ]
    sam.add_remove_group_members("sftp", everybody, add_members_operation=True)
    sam.add_remove_group_members("acme", ["acme-staff"], add_members_operation=True)
    sam.add_remove_group_members("acme-staff", ["alice"], add_members_operation=True)
    sam.add_remove_group_members("loop-a", ["alice", "loop-b"], add_members_operation=True)
    sam.add_remove_group_members("loop-b", ["loop-a"], add_members_operation=True)


def rules(sam):
    """Three wrong passwords lock for half an hour. Passwords are old after 42 days, as ever, and
    may be of any characters."""
    half_an_hour = -30 * 60 * 10_000_000
    change(
        sam,
        BASE,
        pwdProperties=0,
        lockoutThreshold=3,
        lockoutDuration=half_an_hour,
        lockOutObservationWindow=half_an_hour,
    )


def change(sam, dn, controls=None, **attributes):
    message = ldb.Message(ldb.Dn(sam, dn))
    for name, value in attributes.items():
        value = value if isinstance(value, bytes) else str(value)
        message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    sam.modify(message, controls)


main(sys.argv[1])
