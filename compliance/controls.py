"""The controls that single decisions can be evidence for: number and what it asks, in our words.

Sources: SOC 2 by the Trust Services Criteria 2017 (points of focus 2022); ISO/IEC 27001:2022 Annex A; HIPAA Security
Rule, 45 CFR part 164; GDPR, Regulation (EU) 2016/679; PCI DSS v4.0.1; EU AI Act, Regulation (EU) 2024/1689;
ISO/IEC 42001:2023 Annex A.
"""

from collections.abc import Mapping

from verification.tags import Tag

SOC_2, ISO_27001, HIPAA, GDPR = "SOC 2", "ISO 27001", "HIPAA", "GDPR"
PCI_DSS, AI_ACT, ISO_42001 = "PCI DSS", "EU AI Act", "ISO 42001"

_TITLES: Mapping[str, Mapping[str, str]] = {
    SOC_2: {
        "CC5.2": "Technology controls are in force",
        "CC6.1": "Logical access to protected assets is controlled",
        "CC6.3": "Least privilege and segregation of duties",
        "CC6.6": "Threats from outside the boundary are held off",
        "CC6.7": "Movement of data is restricted",
        "CC6.8": "Unauthorised software is kept out",
        "CC7.2": "Anomalies are watched",
        "CC7.4": "Incidents are contained",
        "CC9.2": "Suppliers are assessed",
        "C1.2": "Confidential information is disposed of",
    },
    ISO_27001: {
        "A.5.3": "Segregation of duties",
        "A.5.12": "Classification of information",
        "A.5.14": "Information transfer",
        "A.5.15": "Access control",
        "A.5.19": "Security in supplier relationships",
        "A.5.26": "Response to incidents",
        "A.8.2": "Privileged access rights",
        "A.8.3": "Information access restriction",
        "A.8.5": "Secure authentication",
        "A.8.10": "Information deletion",
        "A.8.15": "Logging",
        "A.8.16": "Monitoring activities",
    },
    HIPAA: {
        "164.312(a)(1)": "Access only for those granted",
        "164.312(a)(2)(i)": "Unique user identification",
        "164.312(b)": "Audit controls",
        "164.312(c)(1)": "Integrity",
        "164.312(d)": "Person or entity authentication",
    },
    GDPR: {
        "Art. 5(1)(c)": "Data minimisation",
        "Art. 5(1)(f)": "Integrity and confidentiality",
        "Art. 5(2)": "Accountability",
        "Art. 25(2)": "Protection by default",
        "Art. 30(1)": "Records of processing",
        "Art. 32(4)": "Action on instruction only",
    },
    PCI_DSS: {
        "7.2.3": "Privileges are approved",
        "7.3.3": "All is denied by default",
        "8.3.1": "All access is authenticated",
        "10.2.1.4": "Invalid access attempts are logged",
        "10.3.4": "Changes of logs are detected",
    },
    AI_ACT: {
        "Art. 12(1)": "Events are recorded automatically",
        "Art. 14(1)": "Oversight by people",
        "Art. 14(4)(d)": "A person can override",
        "Art. 14(4)(e)": "A person can stop it",
        "Art. 15(5)": "Resilience against attack",
    },
    ISO_42001: {
        "A.6.2.8": "Event logs are recorded",
        "A.9.4": "Used as intended",
        "A.10.3": "Suppliers",
    },
}


def control(framework: str, number: str) -> Tag:
    """Raises `KeyError` for what is not in the catalogue."""
    return Tag(framework, number, _TITLES[framework][number])
