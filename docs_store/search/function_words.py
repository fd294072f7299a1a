"""The commonest short words of languages, by which a text's language is known. They need not be all of them."""

from collections.abc import Mapping

# By the text search configuration of the language.
FUNCTION_WORDS: Mapping[str, frozenset[str]] = {
    configuration: frozenset(words.split())
    for configuration, words in {
        "english": (
            "the of and to is in that it for was with as on are this be at by have from or an which you not "
            "what how can does do they we i my your he she his her has had will would there their been were "
            "if about when who "
            "but so no all any some more than then them they out up into over within back other its our me should may"
        ),
        "german": (
            "der die das und ist nicht ein eine einen einem einer den dem des mit zu von auf für im sich "
            "auch wird sind bei aus nach wie oder ich du wir sie es war haben hat kann werden zum zur über "
            "durch als wenn was wer wo"
        ),
        "dutch": (
            "de het een en van is niet op te dat die voor met zijn aan er ook wordt naar bij uit of ik je "
            "hij wij zij was heeft kan deze dit door als maar om hoe wat wie waar welke worden"
        ),
        "danish": (
            "og det er en et af til på at den de ikke med for som har jeg vi du han hun var ved fra kan "
            "bliver eller hvad hvordan hvor om blev også"
        ),
        "norwegian": (
            "og det er en et av til på at den de ikke med for som har jeg vi du han hun var ved fra kan blir "
            "eller hva hvordan hvor om ble også seg"
        ),
        "swedish": (
            "och det är en ett av till på att den de inte med för som har jag vi du han hon var vid från kan "
            "blir eller vad hur om också sig"
        ),
        "french": (
            "le la les des et est un une dans du pour que qui sur avec ne pas au aux par plus ce cette sont "
            "il elle nous vous je se ou comment quel quelle à été sa son leur"
        ),
        "spanish": (
            "el la los las y es un una en del de por para que con no se al su como más lo este esta son qué "
            "cómo cuál dónde fue ser ha pero o sus"
        ),
        "portuguese": (
            "o a os as e é um uma em do da dos das de por para que com não se ao no na como mais este esta "
            "são foi ser à qual onde quando seu sua mas ou"
        ),
        "italian": (
            "il lo la i gli le e è un una di del della dei in nel nella per che con non si al come più "
            "questo questa sono quale dove quando fu essere ma o suo"
        ),
        "catalan": (
            "el la els les i és un una en del de per que amb no es al com més aquest aquesta són què quin on "
            "va ser però o seu"
        ),
        "romanian": (
            "și este un o în de la cu pe nu se că din pentru care mai sunt a fost ale lui ce cum unde sau prin al"
        ),
        "finnish": (
            "ja on ei se että oli ovat hän kun mutta tai myös joka jossa kuin niin sen tämä ole mikä miten missä voi"
        ),
        "hungarian": "a az és egy hogy nem is van meg el de ez azt volt mint csak ki mi hogyan hol vagy lehet",
        "turkish": "ve bir bu da de için ile çok ne olarak daha en kadar gibi var o mi değil nasıl nerede olan",
        "indonesian": (
            "yang dan di ini itu dengan untuk dari tidak pada adalah ke dalam akan ada juga saya oleh atau "
            "bagaimana apa"
        ),
        "lithuanian": "ir yra kad į su iš tai ne kaip bet ar jis ji buvo per už apie",
        "irish": "an na agus is ar go ní le sé sí bhí atá tá do ag mar seo nó",
        "basque": "eta da ez bat du dira zen ere hau egin izan dute baina edo nola non",
        "russian": "и в не на что я с он как это по но из у за от так же для мы вы его она они был где или",
        "serbian": (
            "и је у да се на не са за су као али од што ја ми ви он она био где или i je u da se na ne sa za "
            "su kao ali od što ja mi vi bio gde ili"
        ),
    }.items()
}
