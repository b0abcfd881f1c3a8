"""The controls that single decisions can be evidence for: number and what it asks, in our words.

Sources: SOC 2 by the Trust Services Criteria 2017 (points of focus 2022); ISO/IEC 27001:2022 Annex A; HIPAA Security
Rule, 45 CFR part 164; GDPR, Regulation (EU) 2016/679; PCI DSS v4.0.1; EU AI Act, Regulation (EU) 2024/1689;
ISO/IEC 42001:2023 Annex A.
"""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from verification.tags import Tag

SOC_2, ISO_27001, HIPAA, GDPR = "SOC 2", "ISO 27001", "HIPAA", "GDPR"
PCI_DSS, AI_ACT, ISO_42001 = "PCI DSS", "EU AI Act", "ISO 42001"

_TITLES: Mapping[str, Mapping[str, str]] = {
    SOC_2: {
        "CC5.2": gettext_noop("Technology controls are in force"),
        "CC6.1": gettext_noop("Logical access to protected assets is controlled"),
        "CC6.3": gettext_noop("Least privilege and segregation of duties"),
        "CC6.6": gettext_noop("Threats from outside the boundary are held off"),
        "CC6.7": gettext_noop("Movement of data is restricted"),
        "CC6.8": gettext_noop("Unauthorised software is kept out"),
        "CC7.2": gettext_noop("Anomalies are watched"),
        "CC7.4": gettext_noop("Incidents are contained"),
        "CC9.2": gettext_noop("Suppliers are assessed"),
        "C1.2": gettext_noop("Confidential information is disposed of"),
    },
    ISO_27001: {
        "A.5.3": gettext_noop("Segregation of duties"),
        "A.5.12": gettext_noop("Classification of information"),
        "A.5.14": gettext_noop("Information transfer"),
        "A.5.15": gettext_noop("Access control"),
        "A.5.19": gettext_noop("Security in supplier relationships"),
        "A.5.26": gettext_noop("Response to incidents"),
        "A.8.2": gettext_noop("Privileged access rights"),
        "A.8.3": gettext_noop("Information access restriction"),
        "A.8.5": gettext_noop("Secure authentication"),
        "A.8.10": gettext_noop("Information deletion"),
        "A.8.15": gettext_noop("Logging"),
        "A.8.16": gettext_noop("Monitoring activities"),
    },
    HIPAA: {
        "164.312(a)(1)": gettext_noop("Access only for those granted"),
        "164.312(a)(2)(i)": gettext_noop("Unique user identification"),
        "164.312(b)": gettext_noop("Audit controls"),
        "164.312(c)(1)": gettext_noop("Integrity"),
        "164.312(d)": gettext_noop("Person or entity authentication"),
    },
    GDPR: {
        "Art. 5(1)(c)": gettext_noop("Data minimisation"),
        "Art. 5(1)(f)": gettext_noop("Integrity and confidentiality"),
        "Art. 5(2)": gettext_noop("Accountability"),
        "Art. 25(2)": gettext_noop("Protection by default"),
        "Art. 30(1)": gettext_noop("Records of processing"),
        "Art. 32(4)": gettext_noop("Action on instruction only"),
    },
    PCI_DSS: {
        "7.2.3": gettext_noop("Privileges are approved"),
        "7.3.3": gettext_noop("All is denied by default"),
        "8.3.1": gettext_noop("All access is authenticated"),
        "10.2.1.4": gettext_noop("Invalid access attempts are logged"),
        "10.3.4": gettext_noop("Changes of logs are detected"),
    },
    AI_ACT: {
        "Art. 12(1)": gettext_noop("Events are recorded automatically"),
        "Art. 14(1)": gettext_noop("Oversight by people"),
        "Art. 14(4)(d)": gettext_noop("A person can override"),
        "Art. 14(4)(e)": gettext_noop("A person can stop it"),
        "Art. 15(5)": gettext_noop("Resilience against attack"),
    },
    ISO_42001: {
        "A.6.2.8": gettext_noop("Event logs are recorded"),
        "A.9.4": gettext_noop("Used as intended"),
        "A.10.3": gettext_noop("Suppliers"),
    },
}


def control(framework: str, number: str) -> Tag:
    """Its title is the one of the catalogue, in English. Raises `KeyError` for what is not in it."""
    return Tag(framework, number, _TITLES[framework][number])
